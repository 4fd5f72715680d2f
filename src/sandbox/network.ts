import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type SandboxAccount, seedAccounts } from './accounts.ts'
import { startDirectory } from './directory.ts'
import { startPds } from './pds.ts'
import { type Publisher, startPublisher } from './publisher.ts'

/** A whole atproto network on this machine. */
export type Network = {
  plcUrl: string
  pdsUrl: string
  accounts: SandboxAccount[]
  /** Publishes permission sets. */
  publisher: Publisher
  close(): Promise<void>
}

export type NetworkOptions = {
  plcPort: number
  pdsPort: number
  /** Keeps the network between runs. Without it, its data is deleted on close. */
  dataDir?: string
  onProgress?: (step: string) => void
}

/**
 * Starts the directory and the PDS, and seeds the accounts. If a step fails, closes what the earlier steps started.
 * @throws Error when a port is taken
 */
export async function startNetwork({ plcPort, pdsPort, dataDir, onProgress }: NetworkOptions): Promise<Network> {
  await requireFreePort(plcPort, 'SANDBOX_PLC_PORT')
  await requireFreePort(pdsPort, 'SANDBOX_PDS_PORT')
  const started: { close(): Promise<void> }[] = []
  const close = async () => {
    for (const part of started.toReversed()) await part.close()
  }
  try {
    if (dataDir !== undefined) await mkdir(dataDir, { recursive: true, mode: 0o700 })
    onProgress?.('Starting the did:plc directory')
    const journal = dataDir === undefined ? {} : { journal: join(dataDir, 'directory.jsonl') }
    const directory = await startDirectory({ port: plcPort, ...journal })
    started.push(directory)
    onProgress?.('Starting the PDS')
    const folder = dataDir === undefined ? {} : { dataDir: join(dataDir, 'pds') }
    const pds = await startPds({ port: pdsPort, directoryUrl: directory.url, ...folder })
    started.push(pds)
    onProgress?.('Seeding the accounts')
    const [accounts, publisher] = await Promise.all([seedAccounts(pds.url), startPublisher(pds)])
    return { plcUrl: directory.url, pdsUrl: pds.url, accounts, publisher, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Checks before the servers start, because they crash the process when they cannot listen. */
async function requireFreePort(port: number, setting: string): Promise<void> {
  const server = createServer().listen(port)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Error(`Port ${port} is taken. Set ${setting} to another one.`, { cause: error })
  }
  server.close()
  await once(server, 'close')
}
