import pg from 'pg'
import { describe, expect, inject, it, type TestContext } from 'vitest'
import { createLogger } from '../../../src/platform/logger.ts'
import { type Database, type DatabaseListeners, openDatabase } from '../../../src/store/sql/database.ts'
import { fixture, pgliteImage } from '../../support/fixtures.ts'
import { createFreshDatabase } from '../../support/fresh-database.ts'
import { POSTGRES_URL } from '../../support/services.ts'
import { proxyUrl } from '../../support/tcp-proxy.ts'

const unavailable = { code: 'SERVICE_UNAVAILABLE', retryAfter: 2 }
const GROUP = { activeDid: 'did:web:alice.test', id: 'group', createdAt: new Date() }

/** Every way in which the gateway asks its database. */
const operations = ({ prisma, readText, ping }: Database) => [
  () => ping(),
  () => readText({ name: 'a_text', sql: `SELECT unnest($1::text[]) AS "id", 'y' AS "text"` }, 'x'),
  () => prisma.sessionGroup.findMany(),
  () => prisma.sessionGroup.updateMany({ where: { id: 'x' }, data: { createdAt: new Date() } }),
  () => prisma.$executeRaw`SELECT 1`,
  () => prisma.$transaction([prisma.sessionGroup.count(), prisma.account.count()]),
  () => prisma.$transaction((tx) => tx.sessionGroup.count()),
]

describe('the embedded database', () => {
  it('says SERVICE_UNAVAILABLE once it is closed', async () => {
    const database = await openEmbedded()
    for (const ask of operations(database)) await ask()
    await database.close()
    for (const ask of operations(database)) await expect(ask()).rejects.toMatchObject(unavailable)
  })

  it('tells its own mistakes from outages', async () => {
    const database = await openEmbedded()
    await database.prisma.sessionGroup.create({ data: GROUP })
    await expect(database.prisma.sessionGroup.create({ data: GROUP })).rejects.toMatchObject({ code: 'P2002' })
    await expect(database.prisma.$queryRaw`SELECT nonsense`).rejects.toMatchObject({ code: 'P2010' })
    const tooLong = database.prisma.$transaction(
      async (tx) => {
        await sleep(100)
        return tx.sessionGroup.count()
      },
      { timeout: 20 },
    )
    await expect(tooLong).rejects.toMatchObject({ code: 'P2028' })
    await database.close()
  })

  it('says so when a transaction waits too long for its turn', async () => {
    const database = await openEmbedded()
    const { prisma } = database
    const { promise: refused, resolve: release } = Promise.withResolvers<void>()
    const first = prisma.$transaction(() => refused, { timeout: 30_000 })
    const second = prisma.$transaction((tx) => tx.sessionGroup.count(), { maxWait: 100 })
    await expect(second).rejects.toMatchObject(unavailable)
    release()
    await first
    await database.close()
  })
})

describe.skipIf(!inject('services').postgres).concurrent('PostgreSQL', () => {
  it('says SERVICE_UNAVAILABLE soon while it is away, and heals by itself', async ({ expect, onTestFinished }) => {
    const { database, proxy } = await openPostgres(onTestFinished)
    await database.ping()

    proxy.cut()
    const startedAt = performance.now()
    for (const ask of operations(database)) await expect(ask()).rejects.toMatchObject(unavailable)
    expect(performance.now() - startedAt).toBeLessThan(1000)
    proxy.restore()
    await expect.poll(() => database.ping().then(() => 'healed', String), { timeout: 5000 }).toBe('healed')
    for (const ask of operations(database)) await ask()
  })

  it('is logged once when it goes and once when it is back, with the cause', async ({ expect, onTestFinished }) => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    const { database, proxy } = await openPostgres(onTestFinished, { logger })
    for (let times = 0; times < 2; times++) {
      for (const ask of operations(database)) await ask()
      expect(lines).toEqual([])
      proxy.cut()
      for (const ask of operations(database)) await expect(ask()).rejects.toMatchObject(unavailable)
      proxy.restore()
      await expect.poll(() => database.ping().then(() => 'healed', String), { timeout: 5000 }).toBe('healed')
      expect(lines.splice(0).map((line) => JSON.parse(line))).toMatchObject([
        { level: 40, msg: 'database not reachable', err: { message: expect.any(String) } },
        { level: 30, msg: 'database reachable again' },
      ])
    }
  })

  it('does so too when it goes away without a word', async ({ expect, onTestFinished }) => {
    const { database, proxy } = await openPostgres(onTestFinished)
    await Promise.all(operations(database).map((ask) => ask()))

    proxy.strand()
    const startedAt = performance.now()
    const asked = operations(database).map((ask) => expect(ask()).rejects.toMatchObject(unavailable))
    await Promise.all(asked)
    expect(performance.now() - startedAt).toBeLessThan(9000)
    for (const ask of operations(database)) await ask()
  })

  it('does so too when the connection is ended in the middle of a query', async ({ expect, onTestFinished }) => {
    const { database, name } = await openPostgres(onTestFinished)
    const { prisma } = database
    const asked = [
      prisma.$queryRaw`SELECT 1 FROM pg_sleep(5)`,
      prisma.$transaction((tx) => tx.$queryRaw`SELECT 1 FROM pg_sleep(5)`),
    ].map((answer) => expect(answer).rejects.toMatchObject(unavailable))
    await expect.poll(() => onServer(`SELECT 1 FROM ${SLEEPING}`, name)).toHaveLength(2)
    await onServer(`SELECT pg_terminate_backend(pid) FROM ${SLEEPING}`, name)
    await Promise.all(asked)
    await database.ping()
  })

  it('says so when it is too slow, and stops at it', async ({ expect, onTestFinished }) => {
    const { database, name } = await openPostgres(onTestFinished)
    const slow = database.prisma.$transaction((tx) => tx.$queryRaw`SELECT 1 FROM pg_sleep(9)`)
    const startedAt = performance.now()
    await expect(slow).rejects.toMatchObject(unavailable)
    expect(performance.now() - startedAt).toBeLessThan(5900)
    expect(await onServer(`SELECT 1 FROM ${SLEEPING}`, name)).toEqual([])
  })

  it('says so when every connection is taken', async ({ expect, onTestFinished }) => {
    const { database, name } = await openPostgres(onTestFinished, { poolSize: 1 })
    const slow = database.prisma.$queryRaw`SELECT 1 FROM pg_sleep(4)`.then(() => 'answered')
    await expect.poll(() => onServer(`SELECT 1 FROM ${SLEEPING}`, name)).toHaveLength(1)
    const startedAt = performance.now()
    const asked = operations(database).map((ask) => expect(ask()).rejects.toMatchObject(unavailable))
    await Promise.all(asked)
    expect(performance.now() - startedAt).toBeLessThan(3900)
    expect(await slow).toBe('answered')
    await database.ping()
  })
})

const SLEEPING = `pg_stat_activity WHERE datname = $1 AND state = 'active' AND query LIKE '%pg_sleep%'`

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function openEmbedded(): Promise<Database> {
  return openDatabase({ kind: 'memory', image: await pgliteImage() })
}

/** A database behind a line that can be broken; all of it gone when the test is over. */
async function openPostgres(
  atEnd: TestContext['onTestFinished'],
  options: { poolSize?: number } & DatabaseListeners = {},
) {
  const fresh = await createFreshDatabase(await fixture('template'))
  atEnd(fresh.drop)
  const { proxy, url } = await proxyUrl(fresh.url, 5432)
  atEnd(() => proxy.close())
  const database = await openDatabase({ kind: 'postgresql', url, ...options })
  atEnd(() => database.close())
  return { database, proxy, name: new URL(fresh.url).pathname.slice(1) }
}

async function onServer(sql: string, name: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: POSTGRES_URL })
  await client.connect()
  try {
    return (await client.query(sql, [name])).rows
  } finally {
    await client.end()
  }
}
