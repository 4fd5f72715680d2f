import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { type Availability, logAvailability, UNWATCHED } from '../availability.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { PrismaClient } from './generated/client.ts'
import { applyMigrations } from './migrate.ts'
import { type QueryListener, translateDriverOutages, translateOutages, watchAdapter } from './outage.ts'
import { createPGliteAdapter } from './pglite-adapter.ts'
import { createPostgresAdapter, createPostgresPool } from './postgres-adapter.ts'
import { createPostgresRead, createPrismaRead, type ReadText } from './prepared-read.ts'

/** The durable store, migrated and ready. Its queries reject with SERVICE_UNAVAILABLE while it cannot be reached. */
export type Database = {
  prisma: PrismaClient
  /** Finds what most requests ask for, with less work than Prisma. */
  readText: ReadText
  /** Rejects with SERVICE_UNAVAILABLE when it cannot be reached. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type DatabaseOptions =
  /** `poolSize`: how many connections this process opens at most. */
  (
    | ({ kind: 'postgresql' } & PostgresOptions)
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

type PostgresOptions = {
  url: string
  /** For migrations, where `url` leads to a pooler. */
  directUrl?: string
  /** Whether `url` leads to a pooler that gives each transaction another connection, as PgBouncer can. */
  isPooled?: boolean
  poolSize?: number
}

/**
 * The longest that a request waits for a connection or a response, so that an outage is reported soon and nothing
 * hangs.
 */
const TIMEOUTS = {
  connectionTimeoutMillis: 3 * SECOND,
  query_timeout: 6 * SECOND,
}

/**
 * What the server is asked for as a connection starts. It cancels a slow statement before the driver gives it up, which
 * keeps the connection usable. PgBouncer refuses connections that ask for this.
 */
const SERVER_TIMEOUTS = {
  statement_timeout: 5 * SECOND,
  idle_in_transaction_session_timeout: 30 * SECOND,
}
const POOL_SIZE = 10

/** The advisory lock that lets one of several starting replicas migrate while the others wait. */
export const MIGRATION_LOCK = 0x61746761

async function openPostgres(options: PostgresOptions & DatabaseListeners): Promise<Database> {
  const { url, directUrl = url, isPooled = false, poolSize = POOL_SIZE, ...listeners } = options
  await migrateUnderLock(directUrl)
  const timeouts = isPooled ? TIMEOUTS : { ...TIMEOUTS, ...SERVER_TIMEOUTS }
  const pool = createPostgresPool({ connectionString: url, max: poolSize, ...timeouts })
  // The connection behind a pooler that prepares a statement is not the one that runs it later.
  const hasNames = !isPooled
  const { onQuery } = listeners
  const availability = availabilityFor(listeners)
  const prisma = openPrisma(createPostgresAdapter(pool, { hasNames }), { onQuery, availability })
  const readText = createPostgresRead({
    pool,
    translate: translateDriverOutages(availability),
    onQuery,
    hasNames,
  })
  return databaseOf({ prisma, readText, afterClose: () => pool.end() })
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
  const prisma = openPrisma(adapter, { onQuery: listeners.onQuery, availability: availabilityFor(listeners) })
  return databaseOf({
    prisma,
    readText: createPrismaRead(prisma),
    async afterClose() {
      await pglite.close()
      await release()
    },
  })
}

function availabilityFor({ logger }: DatabaseListeners): Availability {
  return logger === undefined ? UNWATCHED : logAvailability('database', logger)
}

type Listening = { onQuery: QueryListener | undefined; availability: Availability }

function openPrisma(
  adapter: SqlMigrationAwareDriverAdapterFactory,
  { onQuery, availability }: Listening,
): PrismaClient {
  const prisma = new PrismaClient({
    adapter: watchAdapter(adapter, onQuery),
    // Longer than the pool waits for a connection, so that the error comes from the pool.
    transactionOptions: { maxWait: 5 * SECOND, timeout: 15 * SECOND },
  })
  return translateOutages(prisma, availability)
}

function databaseOf({
  prisma,
  readText,
  afterClose,
}: Pick<Database, 'prisma' | 'readText'> & { afterClose: () => Promise<void> }): Database {
  return {
    prisma,
    readText,
    async ping() {
      await prisma.$queryRaw`SELECT 1`
    },
    async close() {
      await prisma.$disconnect()
      await afterClose()
    },
  }
}
