import { appendFile, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { PlcDatabase } from '@did-plc/server'
import { hasErrorCode } from '../platform/errors.ts'

/** A did:plc directory on this machine. */
export type Directory = { url: string; close(): Promise<void> }

type Operation = Parameters<PlcDatabase['validateAndAddOp']>[1]

/**
 * Starts a did:plc directory, the real server. With a `journal` file its identities survive restarts; without one they
 * do not.
 * @param port 0 for any free port
 */
export async function startDirectory({ port, journal }: { port: number; journal?: string }): Promise<Directory> {
  const { Database, PlcServer } = await import('@did-plc/server')
  const memory = Database.mock()
  if (journal !== undefined) await replay(memory, journal)
  const server = PlcServer.create({ db: journal === undefined ? memory : journaled(memory, journal), port })
  const listening = await server.start()
  const { port: actualPort } = listening.address() as AddressInfo
  return { url: `http://localhost:${actualPort}`, close: () => server.destroy() }
}

/**
 * The in-memory store of the server, with a journal: every operation is written to the file before it is acknowledged.
 */
function journaled(memory: PlcDatabase, journal: string): PlcDatabase {
  return {
    async validateAndAddOp(did, operation) {
      await memory.validateAndAddOp(did, operation)
      await appendFile(journal, `${JSON.stringify([did, operation])}\n`, { flush: true })
    },
    close: () => memory.close(),
    healthCheck: () => memory.healthCheck(),
    opsForDid: (did) => memory.opsForDid(did),
    indexedOpsForDid: (did, includeNull) => memory.indexedOpsForDid(did, includeNull),
    lastOpForDid: (did) => memory.lastOpForDid(did),
    exportOps: (count, after) => memory.exportOps(count, after),
  }
}

async function replay(memory: PlcDatabase, journal: string): Promise<void> {
  for (const line of await readLines(journal)) {
    const entry = parseEntry(line)
    if (entry !== null) await memory.validateAndAddOp(...entry)
  }
}

async function readLines(journal: string): Promise<string[]> {
  try {
    return (await readFile(journal, 'utf8')).split('\n')
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return []
    throw error
  }
}

/** Returns null for a line that a crash cut off: it was never acknowledged. */
function parseEntry(line: string): [string, Operation] | null {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
