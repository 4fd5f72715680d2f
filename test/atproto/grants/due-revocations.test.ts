import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createDueRevocations, type DueRevocations, MAX_ATTEMPTS } from '../../../src/atproto/grants/due-revocations.ts'
import { newId } from '../../../src/platform/random.ts'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import type { PrismaClient } from '../../../src/store/sql/generated/client.ts'
import { aSession } from '../../support/builders.ts'
import { SEALED_GRANT } from '../../support/encryption-key.ts'
import { plansOf } from '../../support/explain.ts'
import { fixture } from '../../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'
import { manySessions } from '../../support/many-sessions.ts'
import { openUnitGateway } from '../../support/unit-gateway.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

type Columns = { nextAttemptAt?: Date | null; attempts?: number; expiresAt?: Date }

/** Writes grants without sessions, which are due unless a test says otherwise. Gives their ids. */
async function orphans(db: PrismaClient, count: number, columns: Columns = {}): Promise<string[]> {
  const now = new Date()
  const data = Array.from({ length: count }, () => ({
    id: newId(),
    did: 'did:web:alice.test',
    issuer: 'https://pds.test',
    scope: 'atproto',
    sealed: SEALED_GRANT,
    updatedAt: now,
    refreshAfter: now,
    expiresAt: new Date(now.getTime() + DAY),
    nextAttemptAt: new Date(now.getTime() - MINUTE),
    ...columns,
  }))
  await db.grant.createMany({ data })
  return data.map(({ id }) => id)
}

const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).toSorted()

describe('grants that are to be revoked', () => {
  let db: PrismaClient
  let due: DueRevocations

  beforeAll(async () => {
    db = (await openUnitGateway()).stores.db
    due = createDueRevocations({ db, clock: Date.now })
  })
  beforeEach(() => db.grant.deleteMany({ where: { session: null } }))

  const columns = (id: string) => db.grant.findUniqueOrThrow({ where: { id } })
  const minutesAhead = async (id: string) =>
    Math.round(((await columns(id)).nextAttemptAt?.getTime() ?? Number.NaN) / MINUTE - Date.now() / MINUTE)

  it('are claimed once, and stand back behind the rest, further each time', async () => {
    const [id = ''] = await orphans(db, 1)
    const waits: number[] = []
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      const claimed = await due.claimDue(10)
      expect(claimed).toEqual([{ id, issuer: 'https://pds.test', attempts, hasExpired: false, isTriedOut: false }])
      expect(await due.claimDue(10)).toEqual([])
      expect(await due.claim(id)).toBeNull()
      waits.push(await minutesAhead(id))
      await db.grant.update({ where: { id }, data: { nextAttemptAt: new Date(Date.now() - 1) } })
    }
    expect(waits.slice(0, 6)).toEqual([5, 20, 80, 320, 1280, 1440])
    expect(new Set(waits.slice(5))).toEqual(new Set([1440]))
    expect(await due.claimDue(10)).toEqual([expect.objectContaining({ id, attempts: MAX_ATTEMPTS, isTriedOut: true })])
  })

  it('are claimed by the one who ends the session, before anybody else', async () => {
    const [id = '', other = ''] = await orphans(db, 2)
    expect(await due.claim(id)).toMatchObject({ id, attempts: 0 })
    expect(idsOf(await due.claimDue(10))).toEqual([other])
  })

  it('are claimed in the order in which they became due, as many as asked for', async () => {
    const [late = ''] = await orphans(db, 1, { nextAttemptAt: new Date(Date.now() - 1) })
    const [early = ''] = await orphans(db, 1, { nextAttemptAt: new Date(Date.now() - DAY) })
    await orphans(db, 1, { nextAttemptAt: new Date(Date.now() + DAY) })
    expect(idsOf(await due.claimDue(1))).toEqual([early])
    expect(idsOf(await due.claimDue(10))).toEqual([late])
  })

  it('say when no server honours them any more', async () => {
    const [id = ''] = await orphans(db, 1, { expiresAt: new Date(Date.now() - 1) })
    expect(await due.claimDue(10)).toEqual([expect.objectContaining({ id, hasExpired: true })])
    await due.deleteGivenUp([id])
    expect(await db.grant.count({ where: { id } })).toBe(0)
  })

  it('are not those of sessions, whatever is said of them', async () => {
    const { session } = await aSession({ db })
    const ids = [session.grantId]
    expect(await due.claim(session.grantId)).toBeNull()
    await due.deleteGivenUp(ids)
    expect(await db.grant.count({ where: { id: session.grantId } })).toBe(1)
  })

  it('become due with the end of the session', async () => {
    const [id = ''] = await orphans(db, 1, { nextAttemptAt: null })
    expect(await due.claimDue(10)).toEqual([])
    await db.$transaction((tx) => due.markEnded(tx, [id]))
    expect(idsOf(await due.claimDue(10))).toEqual([id])
  })

  it('are found where another release has ended their sessions, in parts', async () => {
    const { session } = await aSession({ db })
    const strays = await orphans(db, 3, { nextAttemptAt: null })
    const [waiting = ''] = await orphans(db, 1, { nextAttemptAt: new Date(Date.now() + DAY) })
    const looked: number[] = []
    for (let after: string | null = ''; after !== null; ) {
      const part = await due.markStrays({ after, limit: 2 })
      looked.push(part.count)
      after = part.last
    }
    expect(Math.max(...looked)).toBe(2)
    expect(idsOf(await due.claimDue(1000))).toEqual(strays.toSorted())
    expect(await columns(session.grantId)).toMatchObject({ nextAttemptAt: null })
    expect((await columns(waiting)).nextAttemptAt?.getTime()).toBeGreaterThan(Date.now())
  })
})

describe.skipIf(!inject('services').postgres)('grants that are to be revoked, over PostgreSQL', () => {
  let fresh: FreshDatabase
  let replicas: Database[]

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    replicas = await Promise.all([1, 2, 3].map(() => openDatabase({ kind: 'postgresql', url: fresh.url })))
  })
  afterAll(async () => {
    for (const replica of replicas) await replica.close()
    await fresh.drop()
  })

  it('are claimed by one of several replicas each, and none waits for another', async () => {
    const [first] = replicas
    if (first === undefined) throw new Error('no replica')
    const ids = await orphans(first.prisma, 300)
    const claimed = await Promise.all(
      replicas.flatMap(({ prisma }) => {
        const due = createDueRevocations({ db: prisma, clock: Date.now })
        return Array.from({ length: 10 }, () => due.claimDue(20))
      }),
    )
    expect(idsOf(claimed.flat())).toEqual(ids.toSorted())
  })

  it('are passed over where somebody holds them', async () => {
    const [first, second] = replicas
    if (first === undefined || second === undefined) throw new Error('no replicas')
    const [held = '', free = ''] = await orphans(first.prisma, 2)
    await first.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM "Grant" WHERE "id" = ${held} FOR UPDATE`
      const due = createDueRevocations({ db: second.prisma, clock: Date.now })
      expect(idsOf(await due.claimDue(10))).toEqual([free])
    })
  })

  it('are found by the index on their time, among any number of others, and given up by their ids', async () => {
    const [first] = replicas
    if (first === undefined) throw new Error('no replica')
    await manySessions(first.prisma, { prefix: 'a', count: 20_000, did: 'did:web:alice.test' })
    const ids = await orphans(first.prisma, 20)
    await first.prisma.$executeRaw`ANALYZE`
    const [claimed, givenUp] = await plansOf(first.prisma, async (db) => {
      const due = createDueRevocations({ db, clock: Date.now })
      await due.claimDue(20)
      await due.deleteGivenUp(ids)
    })
    expect(claimed).toMatch(/Index Scan using "Grant_nextAttemptAt_idx".*\n *Index Cond: \("nextAttemptAt" <=/)
    expect(claimed).not.toContain('Seq Scan')
    expect(givenUp).toContain('"Session_grantId_key"')
    expect(givenUp).not.toContain('Seq Scan')
  })
})
