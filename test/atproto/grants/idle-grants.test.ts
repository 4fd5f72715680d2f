import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createDueRevocations } from '../../../src/atproto/grants/due-revocations.ts'
import { createIdleGrants, type IdleGrants } from '../../../src/atproto/grants/idle-grants.ts'
import { createGrantRows, type GrantRows } from '../../../src/atproto/grants/rows.ts'
import { sealGrant } from '../../../src/atproto/grants/sealed-grant.ts'
import { newId } from '../../../src/platform/random.ts'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import type { PrismaClient } from '../../../src/store/sql/generated/client.ts'
import { aGrant, aSession } from '../../support/builders.ts'
import { plansOf } from '../../support/explain.ts'
import { fixture } from '../../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'
import { manySessions } from '../../support/many-sessions.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const ago = (ms: number) => new Date(Date.now() - ms)

const idlesOver = (db: PrismaClient, isConfidential = true) =>
  createIdleGrants({ db, clients: { isConfidential }, clock: Date.now })

describe('idle grants', () => {
  let gateway: UnitGateway
  let db: PrismaClient
  let idle: IdleGrants

  beforeAll(async () => {
    gateway = await openUnitGateway()
    db = gateway.stores.db
    idle = idlesOver(db)
  })
  beforeEach(async () => {
    await db.session.deleteMany()
    await db.grant.deleteMany()
  })

  const columns = (id: string) => db.grant.findUniqueOrThrow({ where: { id } })
  const hoursAhead = async (id: string) =>
    ((await columns(id)).keepAliveAfter?.getTime() ?? Number.NaN) / HOUR - Date.now() / HOUR
  const dueSince = async (ms: number, options: Parameters<typeof aSession>[1] = {}) => {
    const { session } = await aSession({ db }, { ...options, grant: { keepAliveAfter: ago(ms), ...options.grant } })
    return session.grantId
  }

  it('are claimed once, those first that have waited longest, and are due again after about 12 hours', async () => {
    const [second, first] = [await dueSince(1000), await dueSince(DAY)]
    await dueSince(-DAY)
    expect(await idle.claimDue(1)).toEqual([first])
    expect(await idle.claimDue(10)).toEqual([second])
    expect(await idle.claimDue(10)).toEqual([])
    for (const id of [first, second]) {
      expect(await hoursAhead(id)).toBeGreaterThan(8.9)
      expect(await hoursAhead(id)).toBeLessThan(15.1)
    }
  })

  it('are those of living sessions: not lost, not to be revoked, not without a session', async () => {
    await dueSince(DAY, { grant: { state: 'lost', lostReason: 'refused' } })
    await dueSince(DAY, { grant: { nextAttemptAt: ago(0) } })
    await dueSince(DAY, { expiresAt: ago(1) })
    const ended = await dueSince(DAY)
    await db.session.deleteMany({ where: { grantId: ended } })
    expect(await idle.claimDue(10)).toEqual([])
  })

  it('have no time any more once they are lost, or their session has ended', async () => {
    const rows = createGrantRows({ ...gateway.stores, clients: { isConfidential: true }, clock: Date.now })
    const [lost, ended] = [await dueSince(DAY), await dueSince(DAY)]
    await rows.markLost({ id: lost, generation: 0n }, 'refused')
    await db.$transaction((tx) => createDueRevocations({ db, clock: Date.now }).markEnded(tx, [ended]))
    expect((await columns(lost)).keepAliveAfter).toBeNull()
    expect((await columns(ended)).keepAliveAfter).toBeNull()
  })

  describe.each([
    ['a confidential', true, 30],
    ['a public', false, 7],
  ])('of %s client', (_kind, isConfidential, days) => {
    let rows: GrantRows

    beforeAll(() => {
      rows = createGrantRows({ ...gateway.stores, clients: { isConfidential }, clock: Date.now })
    })
    const isSpread = async (ids: readonly string[]) => {
      const waits = await Promise.all(ids.map(async (id) => (await hoursAhead(id)) / 24 / days))
      expect(Math.min(...waits)).toBeGreaterThan(0.749)
      expect(Math.max(...waits)).toBeLessThan(1.251)
      // 30 of them, each anywhere in there.
      expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(0.25)
    }
    const insert = () => db.$transaction((tx) => rows.insert(tx, newId(), aGrant()))

    it(`are due ${days} days after they were granted or last refreshed, a quarter more or less`, async () => {
      const ids = await Promise.all(Array.from({ length: 30 }, async () => (await insert()).id))
      await isSpread(ids)
      await db.grant.updateMany({ data: { keepAliveAfter: ago(DAY) } })
      for (const id of ids) {
        const newer = { id, did: (await columns(id)).did, generation: 1n, grant: aGrant() }
        const { sealer } = gateway.stores
        await rows.store({ ...newer, sealed: await sealGrant(sealer, newer) }, newer.grant)
      }
      await isSpread(ids)
    })

    it('get a time, from their last refresh on, where an older release has written none', async () => {
      const ids = await Promise.all(
        Array.from(
          { length: 30 },
          async () => (await aSession({ db }, { grant: { updatedAt: new Date() } })).session.grantId,
        ),
      )
      const [old = ''] = ids
      await db.grant.update({ where: { id: old }, data: { updatedAt: ago(60 * DAY) } })
      const due = await dueSince(DAY)
      const [{ id: stray }, lost] = [await insert(), await aSession({ db }, { grant: { state: 'lost' } })]
      await db.grant.update({ where: { id: stray }, data: { keepAliveAfter: null } })
      let looked = 0
      for (let after: string | null = ''; after !== null; ) {
        const part = await idlesOver(db, isConfidential).scheduleStrays({ after, limit: 10 })
        expect(part.count).toBeLessThanOrEqual(10)
        looked += part.count
        after = part.last
      }
      expect(looked).toBe(33)
      await isSpread(ids.slice(1))
      expect((await idle.claimDue(100)).toSorted()).toEqual([old, due].toSorted())
      expect((await columns(stray)).keepAliveAfter).toBeNull()
      expect((await columns(lost.session.grantId)).keepAliveAfter).toBeNull()
    })
  })
})

describe.skipIf(!inject('services').postgres)('idle grants, over PostgreSQL', () => {
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

  it('are found by their index among any number, and claimed by one of several replicas each', async () => {
    const [first] = replicas
    if (first === undefined) throw new Error('no replica')
    const db = first.prisma
    await manySessions(db, { prefix: 'b', count: 20_000, did: 'did:web:alice.test' })
    await db.$executeRaw`UPDATE "Grant" SET "keepAliveAfter" = now() + random() * interval '30 days'`
    const due = await db.grant.findMany({ take: 300, select: { id: true } })
    const ids = due.map(({ id }) => id)
    await db.grant.updateMany({ where: { id: { in: ids } }, data: { keepAliveAfter: ago(DAY) } })
    await db.$executeRaw`ANALYZE`

    const [plan] = await plansOf(db, (statements) => idlesOver(statements as PrismaClient).claimDue(20))
    expect(plan).toMatch(/Index Scan using "Grant_keepAliveAfter_idx".*\n *Index Cond: \("keepAliveAfter" <=/)
    expect(plan).not.toContain('Seq Scan')

    const claimed = await Promise.all(
      replicas.flatMap(({ prisma }) => Array.from({ length: 10 }, () => idlesOver(prisma).claimDue(20))),
    )
    expect(claimed.flat().toSorted()).toEqual(ids.toSorted())
  })
})
