import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-port.ts'

/** The accounts' side: a did:plc directory and a PDS. */
export type Network = {
  plcUrl: string
  pdsUrl: string
  /** Makes the PDS keep the answers of its token endpoint back, until `goOn`. */
  hold(): void
  goOn(): void
  close(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('./network-process.ts', import.meta.url))

export async function startNetwork(): Promise<Network> {
  const [plcPort, pdsPort] = [await freePort(), await freePort()]
  const child = fork(PROGRAM, [String(plcPort), String(pdsPort)], { execArgv: [] })
  const exit = once(child, 'exit')
  await Promise.race([
    once(child, 'message'),
    exit.then(() => {
      throw new Error('the process of the atproto network ended before it had started')
    }),
  ])
  return {
    plcUrl: `http://localhost:${plcPort}`,
    pdsUrl: `http://localhost:${pdsPort}`,
    hold: () => void child.send('hold'),
    goOn: () => void child.send('go on'),
    async close() {
      child.disconnect()
      await exit
    },
  }
}
