import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { inject } from 'vitest'
import type { EphemeralStore } from '../../src/store/ephemeral/ephemeral-store.ts'
import { createInProcessStore } from '../../src/store/ephemeral/in-process-store.ts'
import { createRedisStore } from '../../src/store/ephemeral/redis-store.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import type { QueryListener } from '../../src/store/sql/outage.ts'
import { fixture, pgliteImage } from './fixtures.ts'
import { createFreshDatabase } from './fresh-database.ts'
import { createMovableClock, type MovableClock } from './movable-clock.ts'
import { openRedisKeys } from './redis-keys.ts'
import { REDIS_URL } from './services.ts'

/** Both stores of a gateway, of the kind that the test project runs over, with a clock that moves them both. */
export type Stores = {
  database: Database
  ephemeral: EphemeralStore
  clock: MovableClock
  /** SQL statements so far. */
  statements: string[]
  advance(ms: number): Promise<void>
  /** Everything that the ephemeral store holds, as text. */
  dumpEphemeral(): Promise<string>
  close(): Promise<void>
}

export function openStores(): Promise<Stores> {
  return inject('stores') === 'services' ? openServices() : openEmbedded()
}

async function openEmbedded(): Promise<Stores> {
  const clock = createMovableClock()
  const statements: string[] = []
  const { database, giveBack } = await takeEmbeddedDatabase((sql) => void statements.push(sql))
  const held = new Map<string, string>()
  const store = createInProcessStore({ clock })
  return {
    database,
    // The store keeps its entries to itself, so what is written to it is noted on the way.
    ephemeral: {
      ...store,
      set(key, value, options) {
        held.set(key, value)
        return store.set(key, value, options)
      },
    },
    clock,
    statements,
    advance: async (ms) => clock.advance(ms),
    dumpEphemeral: async () => [...held].map((entry) => entry.join(' ')).join('\n'),
    async close() {
      await store.close()
      await giveBack()
    },
  }
}

type EmbeddedDatabase = { database: Database; listener: { onQuery: QueryListener }; migrated: string }

/** Databases of this process that nobody uses now. Opening one takes a second, and emptying it a fraction of that. */
const idle: EmbeddedDatabase[] = []

/** Gives an empty database, and what takes it back for the next one who asks. */
async function takeEmbeddedDatabase(onQuery: QueryListener) {
  const taken = idle.pop() ?? (await openEmbeddedDatabase())
  const { database, listener, migrated } = taken
  listener.onQuery = onQuery
  return {
    database,
    async giveBack() {
      listener.onQuery = () => undefined
      if ((await migrationsOf(database)) !== migrated) return database.close()
      await empty(database)
      idle.push(taken)
    },
  }
}

async function openEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  const listener: EmbeddedDatabase['listener'] = { onQuery: () => undefined }
  const database = await openDatabase({
    kind: 'memory',
    image: await pgliteImage(),
    onQuery: (sql) => listener.onQuery(sql),
  })
  return { database, listener, migrated: await migrationsOf(database) }
}

async function migrationsOf({ prisma }: Database): Promise<string> {
  return JSON.stringify(await prisma.$queryRaw`SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1`)
}

async function empty({ prisma }: Database): Promise<void> {
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT quote_ident(tablename) AS name FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`
  await prisma.$executeRawUnsafe(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`)
}

/** PostgreSQL and Redis, whose keys have `redisPrefix`; with `through` behind a line that can be cut. */
export async function openServices(
  through: (url: string) => Promise<string> = async (url) => url,
): Promise<Stores & { redisPrefix: string }> {
  const clock = createMovableClock()
  const statements: string[] = []
  const fresh = await createFreshDatabase(await fixture('template'))
  const database = await openDatabase({
    kind: 'postgresql',
    url: await through(fresh.url),
    onQuery: (sql) => void statements.push(sql),
  })
  const keyPrefix = `atgate-test:${randomUUID()}:`
  const ephemeral = await createRedisStore({
    place: { kind: 'server', url: await through(REDIS_URL) },
    keyPrefix,
    logger: pino({ level: 'silent' }),
  })
  const keys = openRedisKeys(keyPrefix)
  return {
    database,
    ephemeral,
    redisPrefix: keyPrefix,
    clock,
    statements,
    async advance(ms) {
      clock.advance(ms)
      await keys.age(ms)
    },
    dumpEphemeral: () => keys.dump(),
    async close() {
      await ephemeral.close()
      await keys.close()
      await database.close()
      await fresh.drop()
    },
  }
}
