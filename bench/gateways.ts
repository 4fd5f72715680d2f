import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createSealer } from '../src/store/sealing/sealer.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { REDIS_URL } from '../test/support/services.ts'
import type { Cores } from './cores.ts'
import { type ManyClients, writeManyClients } from './many-clients.ts'
import { type ServerProcess, startServer } from './server-process.ts'

const KEY = { id: 'bench', secret: randomBytes(32) }

/** A database of a gateway, with this many clients. */
export type FilledDatabase = AsyncDisposable & { url: string; clients: ManyClients }

type GatewayOptions = {
  databaseUrl: string
  cores: Cores | null
  /** More settings. */
  settings?: Record<string, string>
  hasGc?: boolean
  /** The checkout whose gateway it is. */
  checkout?: URL
}

export async function createFilledDatabase(count: number): Promise<FilledDatabase> {
  const fresh = await createFreshDatabase()
  const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
  await database.close()
  const sealed = await createSealer([KEY]).seal({}, 'bench')
  const clients = await writeManyClients({ url: fresh.url, count, sealed })
  return { url: fresh.url, clients, [Symbol.asyncDispose]: fresh.drop }
}

/** Starts a gateway, as in production, over PostgreSQL and Redis. */
export function startGateway(options: GatewayOptions): Promise<ServerProcess> {
  const { databaseUrl, cores, settings = {}, hasGc = false, checkout = new URL('../', import.meta.url) } = options
  return startServer({
    file: new URL('bench/gateway-server.ts', checkout),
    cores,
    hasGc,
    env: {
      DATABASE_URL: databaseUrl,
      REDIS_URL,
      ENCRYPTION_KEYS: `${KEY.id}:${KEY.secret.toString('base64url')}`,
      // The benchmark fills the process.
      MAX_EVENT_LOOP_DELAY: 'off',
      ...settings,
    },
  })
}

/** @returns the version of PostgreSQL, such as `18.1` */
export async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
  await client.end()
  return rows[0]?.server_version.split(' ')[0] ?? ''
}
