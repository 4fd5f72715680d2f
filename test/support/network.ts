import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { PublicNameCertificate } from './public-name.ts'

/** Where the atproto network of a test run is, and the certificate that its PDS takes for that of the public name. */
export type TestNetwork = { plcUrl: string; pdsUrl: string; publicName: PublicNameCertificate }

/** Starts the did:plc directory and the PDS in a process of their own, with the seeded accounts. */
export async function forkNetwork(): Promise<TestNetwork & { close(): Promise<void> }> {
  const child = fork(fileURLToPath(new URL('./network-process.ts', import.meta.url)), { execArgv: [] })
  const exit = once(child, 'exit')
  const network = await Promise.race([firstMessage(child), exit.then(neverStarted)])
  return {
    ...network,
    async close() {
      child.disconnect()
      await exit
    },
  }
}

async function firstMessage(child: ChildProcess): Promise<TestNetwork> {
  const [network] = (await once(child, 'message')) as [TestNetwork]
  return network
}

function neverStarted(): never {
  throw new Error('the process of the atproto network ended before it had started')
}
