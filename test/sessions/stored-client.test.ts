import { array, assert, asyncProperty, bigInt, constantFrom, date, option, record, string } from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newId } from '../../src/platform/random.ts'
import { accountIncludes } from '../../src/sessions/client.ts'
import {
  CLIENT_READ,
  DEVELOPER_TOKEN_READ,
  parseClient,
  parseDeveloperToken,
} from '../../src/sessions/stored-client.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import { aSession, type BuiltSession, didOf } from '../support/builders.ts'
import { fixture, pgliteImage } from '../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../support/fresh-database.ts'
import { manySessions } from '../support/many-sessions.ts'

const at = date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
/** What PostgreSQL takes for a text. */
const text = string({ unit: 'grapheme', maxLength: 30 }).filter((each) => each.isWellFormed() && !each.includes('\0'))
const someSession = record({
  name: option(text),
  userAgent: option(text),
  lastUsedAt: option(at),
  upgradeScopes: option(text),
  upgradeAskedAt: option(at),
  exchangedAt: at,
  expiresAt: at,
  authenticatedAt: at,
  createdAt: at,
})
const someGrant = record({
  scope: text,
  state: constantFrom('ok' as const, 'lost' as const),
  lostReason: option(text),
  generation: bigInt({ min: 0n, max: 2n ** 62n }),
  accessEndsAt: option(at),
  refreshAfter: at,
  expiresAt: at,
})
const someAccount = record({ displayName: option(text), avatarUrl: option(text), pdsUrl: text, refreshedAt: at })
const someMember = record({ session: someSession, grant: someGrant, account: someAccount })
const someToken = record({ confirmedAt: option(at), replacesGroupId: option(text), activatesDid: option(text) })

const KINDS = ['embedded', ...(inject('services').postgres ? (['postgresql'] as const) : [])] as const

describe.each(KINDS)('what a token finds in a database of the kind %s', (kind) => {
  let fresh: FreshDatabase | null
  let database: Database

  beforeAll(async () => {
    fresh = kind === 'embedded' ? null : await createFreshDatabase(await fixture('template'))
    database = await openDatabase(
      fresh === null
        ? { kind: 'memory', image: await pgliteImage() }
        : { kind: 'postgresql', url: fresh.url, poolSize: 1 },
    )
  })
  afterAll(async () => {
    await database.close()
    await fresh?.drop()
  })

  type Member = { session: object; grant: object; account: object }

  async function write({ session, grant, account }: Member, options: object): Promise<BuiltSession> {
    const handle = `${newId()}.test`
    const built = await aSession({ db: database.prisma }, { handle, grant, ...session, ...options })
    await database.prisma.account.update({ where: { did: didOf(handle) }, data: account })
    return built
  }

  it('is frozen, since requests share it', async () => {
    const { token } = await aSession({ db: database.prisma })
    const [id = ''] = token.split('.')
    const client = parseClient((await database.readText(CLIENT_READ, id)) ?? '', id)
    const [session] = client.sessions
    expect(session).toBeDefined()
    const parts = [client, client.token, client.group, client.sessions, session, session?.account, session?.grant]
    expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true))
  })

  it('is what Prisma finds of a client, whatever the rows hold', { timeout: 120_000 }, async () => {
    const { prisma: db, readText } = database
    const members = array(someMember, { minLength: 1, maxLength: 4 })
    const property = asyncProperty(members, someToken, async (each, data) => {
      let last: BuiltSession | undefined
      for (const [index, member] of each.entries()) {
        const linkedAt = new Date(1_000_000 * index)
        last = await write(member, { linkedAt, ...(last && { groupId: last.session.groupId }) })
      }
      const id = last?.token.split('.')[0] ?? ''
      const { group, ...token } = await db.clientToken.update({
        where: { id },
        data,
        include: { group: { include: { sessions: { include: accountIncludes, orderBy: { linkedAt: 'asc' } } } } },
      })
      const { sessions, createdAt: _, ...groupColumns } = group
      expect(parseClient((await readText(CLIENT_READ, id)) ?? '', id)).toEqual({ token, group: groupColumns, sessions })
    })
    await assert(property, { numRuns: 15 })
  })

  it('is what Prisma finds of a developer token, whatever the rows hold', { timeout: 120_000 }, async () => {
    const { prisma: db, readText } = database
    const property = asyncProperty(someMember, async (member) => {
      const { id } = (await write(member, { kind: 'DEVELOPER_TOKEN' })).session
      const expected = await db.session.findUniqueOrThrow({ where: { id }, include: accountIncludes })
      expect(parseDeveloperToken((await readText(DEVELOPER_TOKEN_READ, id)) ?? '')).toEqual(expected)
    })
    await assert(property, { numRuns: 15 })
  })

  it('is nothing for another id', async () => {
    const { session } = await aSession({ db: database.prisma })
    expect(await database.readText(CLIENT_READ, session.id)).toBeNull()
    expect(await database.readText(DEVELOPER_TOKEN_READ, session.id)).toBeNull()
  })

  it.runIf(kind === 'postgresql')('is found by one statement, which each connection plans once', async () => {
    const { token, session } = await aSession({ db: database.prisma })
    // In small tables every plan is as good as any.
    await manySessions(database.prisma, { prefix: 'a1', count: 3000, did: session.did })
    await database.prisma.$executeRaw`ANALYZE`
    const other = await openDatabase({ kind: 'postgresql', url: fresh?.url ?? '', poolSize: 1 })
    const { prisma: db, readText } = other
    for (let times = 0; times < 9; times++) {
      await Promise.all([readText(CLIENT_READ, token.split('.')[0] ?? ''), readText(DEVELOPER_TOKEN_READ, 'none')])
    }
    const prepared = await db.$queryRaw`
      SELECT "statement" AS "sql", "custom_plans" AS "trials", "generic_plans" AS "runs" FROM pg_prepared_statements
       WHERE "name" IN (${CLIENT_READ.name}, ${DEVELOPER_TOKEN_READ.name}) ORDER BY "name"`
    await other.close()
    // PostgreSQL makes five plans for what it is asked for, before it takes one that does for everything.
    expect(prepared).toEqual([
      { sql: CLIENT_READ.sql, trials: 5n, runs: 4n },
      { sql: DEVELOPER_TOKEN_READ.sql, trials: 5n, runs: 4n },
    ])
  })
})
