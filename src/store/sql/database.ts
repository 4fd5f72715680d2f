import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { logAvailability } from '../availability.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { PrismaClient } from './generated/client.ts'
import { applyMigrations } from './migrate.ts'
import { type QueryListener, translateOutages, watchAdapter } from './outage.ts'
import { createPGliteAdapter } from './pglite-adapter.ts'
import { createPostgresAdapter } from './postgres-adapter.ts'

/** The durable store, migrated and ready. Its queries reject with SERVICE_UNAVAILABLE while it cannot be reached. */
export type Database = {
  prisma: PrismaClient
  /** Rejects with SERVICE_UNAVAILABLE when it cannot be reached. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseOptions =
  /** `poolSize`: how many connections this process opens at most. */
  (
    | { kind: 'postgresql'; url: string; poolSize?: number }
    | { kind: 'embedded'; dataDir: string }
    /** `image`: a dumped PGlite to start from. */
    | { kind: 'memory'; image?: Blob }
  ) &
    DatabaseListeners

/** `logger`: is told when the database goes away, and when it is back. */
export type DatabaseListeners = { onQuery?: QueryListener; logger?: Pick<Logger, 'warn' | 'info'> }

/** Opens the durable store and applies the migrations that it lacks. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  switch (options.kind) {
    case 'postgresql':
      return openPostgres(options)
    case 'embedded':
      return openEmbedded(options.dataDir, options)
    case 'memory':
      return openPGlite(new PGlite(options.image === undefined ? {} : { loadDataDir: options.image }), options)
  }
}

/**
 * The longest that a request waits for a connection or a response, so that an outage is reported soon and nothing
 * hangs.
 */
const TIMEOUTS = {
  connectionTimeoutMillis: 3 * SECOND,
  // The server cancels a slow statement first, which keeps the connection usable. query_timeout is for an unreachable
  // server.
  statement_timeout: 5 * SECOND,
  query_timeout: 6 * SECOND,
  idle_in_transaction_session_timeout: 30 * SECOND,
}
const POOL_SIZE = 10

/** The advisory lock that lets one of several starting replicas migrate while the others wait. */
export const MIGRATION_LOCK = 0x61746761

type PostgresOptions = { url: string; poolSize?: number } & DatabaseListeners

async function openPostgres({ url, poolSize = POOL_SIZE, ...listeners }: PostgresOptions): Promise<Database> {
  await migrateUnderLock(url)
  const adapter = createPostgresAdapter({ connectionString: url, max: poolSize, ...TIMEOUTS })
  return connect(adapter, listeners, async () => undefined)
}

async function migrateUnderLock(url: string): Promise<void> {
  const lock = new pg.Client({ connectionString: url, connectionTimeoutMillis: TIMEOUTS.connectionTimeoutMillis })
  // If this connection breaks, the lock of Prisma's engine still protects. Ours exists because that one waits 10 s at
  // most.
  lock.on('error', () => undefined)
  await lock.connect()
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await applyMigrations(createPostgresAdapter({ connectionString: url, max: 2 }))
  } finally {
    // Closing the connection releases the lock, whatever happened.
    await lock.end()
  }
}

async function openEmbedded(dataDir: string, listeners: DatabaseListeners): Promise<Database> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const release = await lockDataDir(dataDir)
  try {
    return await openPGlite(new PGlite(join(dataDir, 'pg')), listeners, release)
  } catch (error) {
    await release()
    throw error
  }
}

async function openPGlite(pglite: PGlite, listeners: DatabaseListeners, release = async () => {}): Promise<Database> {
  const adapter = createPGliteAdapter(pglite)
  await applyMigrations(adapter)
  return connect(adapter, listeners, async () => {
    await pglite.close()
    await release()
  })
}

function connect(
  adapter: SqlMigrationAwareDriverAdapterFactory,
  { onQuery, logger }: DatabaseListeners,
  afterClose: () => Promise<void>,
): Database {
  const prisma = new PrismaClient({
    adapter: watchAdapter(adapter, onQuery),
    // Longer than the pool waits for a connection, so that the error comes from the pool.
    transactionOptions: { maxWait: 5 * SECOND, timeout: 15 * SECOND },
  })
  const translated = translateOutages(prisma, logger && logAvailability('database', logger))
  return {
    prisma: translated,
    async ping() {
      await translated.$queryRaw`SELECT 1`
    },
    async close() {
      await prisma.$disconnect()
      await afterClose()
    },
  }
}
