import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Grant } from '../src/atproto/grants/grant.ts'
import { createGrantRows } from '../src/atproto/grants/rows.ts'
import { DAY, MINUTE } from '../src/platform/clock.ts'
import { touchSession } from '../src/sessions/rows.ts'
import { createSealer } from '../src/store/sealing/sealer.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import type { PrismaClient } from '../src/store/sql/generated/client.ts'
import { ENCRYPTION_KEY } from '../test/support/encryption-key.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { startRedis } from '../test/support/redis-servers.ts'
import { writeManyClients } from './many-clients.ts'

// What a session takes in PostgreSQL and Redis, and how much a session in use writes: what docs/scaling.md reckons with.
// Sizes depend on the machine in nothing. `npm run bench:sizes -- 200000`.
const CLIENTS = Number(process.argv[2] ?? 200_000)
const USED = 10_000
const ENTRIES = 100_000

/** As a real PDS's grants are, sealed: the longest column of all. */
const SEALED_LENGTH = 1704
/** As the flows of sign-ins are. */
const FLOW_LENGTH = 1000

const print = (line: string) => void process.stdout.write(`${line}\n`)
const noise = (length: number) => randomBytes(length).toString('base64url').slice(0, length)

async function numberOf(db: PrismaClient, sql: string): Promise<number> {
  const [row] = await db.$queryRawUnsafe<{ n: bigint | number }[]>(`SELECT (${sql})::float8 AS n`)
  return Number(row?.n)
}

/** Runs `work` for each id, some at once, and says what each has written to the log of the database. */
async function written(db: PrismaClient, ids: readonly string[], work: (id: string) => Promise<unknown>) {
  await db.$executeRawUnsafe('CHECKPOINT')
  const before = await numberOf(db, `pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')`)
  for (let done = 0; done < ids.length; done += 8) await Promise.all(ids.slice(done, done + 8).map(work))
  return ((await numberOf(db, `pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')`)) - before) / ids.length
}

/** One a session, as its sign-in is recorded. */
async function writeAuditEvents(db: PrismaClient): Promise<void> {
  for (let done = 0; done < CLIENTS; done += 10_000) {
    await db.$executeRawUnsafe(
      `INSERT INTO "AuditEvent" ("id", "at", "kind", "did", "sessionId", "ip", "userAgent")
       SELECT md5(n::text), now(), 'session_created', 'did:plc:' || left(translate(md5(n::text), '0189', 'abcd'), 24),
              md5('s' || n), '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
         FROM generate_series(${done}, ${Math.min(done + 10_000, CLIENTS) - 1}) AS n`,
    )
  }
}

async function printTables(db: PrismaClient, title: string): Promise<void> {
  print(`\n${title}, bytes a session        rows    indexes        all`)
  const sums = [0, 0]
  for (const name of ['Account', 'SessionGroup', 'Grant', 'Session', 'ClientToken', 'AuditEvent']) {
    const [rows, indexes] = [
      (await numberOf(db, `pg_table_size('"${name}"')`)) / CLIENTS,
      (await numberOf(db, `pg_indexes_size('"${name}"')`)) / CLIENTS,
    ]
    sums[0] = (sums[0] ?? 0) + rows
    sums[1] = (sums[1] ?? 0) + indexes
    print(name.padEnd(28) + [rows, indexes, rows + indexes].map((n) => n.toFixed(0).padStart(10)).join(' '))
  }
  const [rows = 0, indexes = 0] = sums
  print('together'.padEnd(28) + [rows, indexes, rows + indexes].map((n) => n.toFixed(0).padStart(10)).join(' '))
}

async function measureDatabase(): Promise<void> {
  const fresh = await createFreshDatabase()
  const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
  const { prisma: db } = database
  try {
    await writeManyClients({ url: fresh.url, count: CLIENTS, sealed: noise(SEALED_LENGTH), fillsIndexes: true })
    await writeAuditEvents(db)
    await printTables(db, `${CLIENTS} sessions as sign-ins leave them`)

    const used = await db.session.findMany({ select: { id: true, did: true, grantId: true }, take: USED })
    const inTenMinutes = Date.now() + 10 * MINUTE
    const touch = {
      until: new Date(inTenMinutes + 14 * DAY),
      unusedSince: new Date(inTenMinutes - 5 * MINUTE),
      now: new Date(inTenMinutes),
    }
    const touched = await written(
      db,
      used.map(({ id }) => id),
      (id) => touchSession(db, id, touch),
    )
    const sealer = createSealer([ENCRYPTION_KEY])
    const rows = createGrantRows({ db, sealer, clients: { isConfidential: true }, clock: Date.now })
    const tokenSet = { scope: 'atproto transition:generic', expires_at: new Date(Date.now() + 3600_000).toISOString() }
    const didOf = new Map(used.map(({ grantId, did }) => [grantId, did]))
    const refreshed = await written(db, [...didOf.keys()], async (id) => {
      const lease = await rows.lease({ id, generation: 0n })
      if (lease === null || !(await rows.markSent(lease))) throw new Error('a grant was not leased')
      const newer = { id, did: didOf.get(id) ?? '', generation: 1n, sealed: noise(SEALED_LENGTH) }
      const outcome = await rows.store(newer, { tokenSet } as Grant)
      if (outcome !== 'stored') throw new Error(`a grant was not stored: ${outcome}`)
    })
    print(
      `\nwrite-ahead log, bytes without full pages: ${touched.toFixed(0)} a touch, ${refreshed.toFixed(0)} a refresh`,
    )
    const hot = (name: string) =>
      numberOf(db, `SELECT pg_stat_get_tuples_hot_updated(oid) FROM pg_class WHERE relname = '${name}'`)
    await db.$executeRawUnsafe('SELECT pg_stat_force_next_flush()')
    print(
      `updates that left the indexes alone: ${await hot('Session')} of ${USED} touches, ${await hot('Grant')} of ${3 * USED}`,
    )
  } finally {
    await database.close()
    await fresh.drop()
  }
}

async function measureRedis(): Promise<void> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
  try {
    for (const [name, keyLength, length] of [
      ['copy of a grant', 'atgate:grant:'.length + 32, SEALED_LENGTH + 2],
      ['pending flow', 'atgate:flow:'.length + 43, FLOW_LENGTH],
      ['counter', 'atgate:limit:starts:'.length + 15, 1],
    ] as const) {
      await redis.flushall()
      const before = await used()
      for (let done = 0; done < ENTRIES; done += 1000) {
        const batch = redis.pipeline()
        for (let index = 0; index < 1000; index++) {
          batch.set(`${done + index}`.padStart(keyLength, 'k'), length === 1 ? '1' : noise(length), 'PX', DAY)
        }
        await batch.exec()
      }
      print(`Redis, bytes of memory a ${name}: ${(((await used()) - before) / ENTRIES).toFixed(0)}`)
    }
  } finally {
    redis.disconnect()
    await server.close()
  }
}

await measureDatabase()
await measureRedis()
