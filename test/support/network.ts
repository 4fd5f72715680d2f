import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Fixtures } from './fixtures.ts'

/** The atproto network of a test run: its addresses are known before it starts. */
export type TestNetwork = {
  plcUrl: string
  pdsUrl: string
  /** Starts the did:plc directory and the PDS in a process of their own, with the seeded accounts. */
  start(): Promise<Fixtures['network']>
  close(): Promise<void>
}

export async function reserveNetwork(): Promise<TestNetwork> {
  // Held until the network takes them, or a test might be given one of them.
  const reserved = await Promise.all([listen(), listen()])
  const [plcPort, pdsPort] = reserved.map((server) => (server.address() as AddressInfo).port)
  let child: ChildProcess | undefined
  return {
    plcUrl: `http://localhost:${plcPort}`,
    pdsUrl: `http://localhost:${pdsPort}`,
    async start() {
      await Promise.all(reserved.map(close))
      const program = fileURLToPath(new URL('./network-process.ts', import.meta.url))
      child = fork(program, [String(plcPort), String(pdsPort)], { execArgv: [] })
      return Promise.race([firstMessage(child), once(child, 'exit').then(neverStarted)])
    },
    async close() {
      await Promise.all(reserved.map(close))
      if (child === undefined || child.exitCode !== null) return
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
}

async function firstMessage(child: ChildProcess): Promise<Fixtures['network']> {
  const [network] = (await once(child, 'message')) as [Fixtures['network']]
  return network
}

function neverStarted(): never {
  throw new Error('the process of the atproto network ended before it had started')
}

async function listen(): Promise<Server> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  return server
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  await once(server, 'close')
}
