import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createDueRevocations } from '../../src/atproto/grants/due-revocations.ts'
import { deleteEmptyGroups } from '../../src/sessions/delete-empty-groups.ts'
import { endExpiredSessions, endExpiredSingles, endUnexchanged } from '../../src/sessions/end-expired.ts'
import { endTokens } from '../../src/sessions/end-tokens.ts'
import { SessionRows } from '../../src/sessions/rows.ts'
import type { ChangeParts } from '../../src/sessions/with-session-changes.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import type { PrismaClient } from '../../src/store/sql/generated/client.ts'
import { aSession, aToken } from '../support/builders.ts'
import { fixture } from '../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../support/fresh-database.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const expired = { expiresAt: new Date(0) }

describe('ending what has expired', () => {
  let gateway: UnitGateway
  let db: PrismaClient

  beforeAll(async () => {
    gateway = await openUnitGateway()
    db = gateway.stores.db
  })
  // Other files leave sessions that have expired.
  beforeEach(async () => {
    await db.session.deleteMany()
    await db.sessionGroup.deleteMany()
    await db.grant.deleteMany()
  })

  /** The grants that are due to be revoked. Housekeeping revokes them in an order of its own, not each by itself. */
  const due = async () => {
    expect(gateway.revoked).toEqual([])
    const grants = await db.grant.findMany({ where: { nextAttemptAt: { lte: new Date() } } })
    return grants.map(({ id }) => id).toSorted()
  }
  const remaining = async () => (await db.session.findMany({ select: { id: true } })).map(({ id }) => id).toSorted()

  it('takes as many sessions as it may, with their groups, those first that expired first', async () => {
    const { session: kept } = await aSession({ db })
    const { session: late } = await aSession({ db }, { expiresAt: new Date(1) })
    const early = [await aSession({ db }, expired), await aSession({ db }, expired)]
    expect(await endExpiredSessions(gateway, { take: 2 })).toBe(2)
    expect(await remaining()).toEqual([kept.id, late.id].toSorted())
    expect(await due()).toEqual(early.map(({ session }) => session.grantId).toSorted())
    expect(await endExpiredSessions(gateway, { take: 2 })).toBe(1)
    expect(await endExpiredSessions(gateway, { take: 2 })).toBe(0)
    expect(await remaining()).toEqual([kept.id])
    expect(await db.sessionGroup.count()).toBe(1)
  })

  it('keeps the accounts beside one that has expired', async () => {
    const { session: alice } = await aSession({ db })
    const { session: bob } = await aSession({ db }, { handle: 'bob.test', groupId: alice.groupId, ...expired })
    await endExpiredSessions(gateway, { take: 10 })
    expect(await remaining()).toEqual([alice.id])
    expect(await due()).toEqual([bob.grantId])
  })

  it('ends developer tokens and sessions without a group by a step of their own', async () => {
    const { session: token } = await aSession({ db }, { kind: 'DEVELOPER_TOKEN', ...expired })
    const { session: grouped } = await aSession({ db }, expired)
    const { session: kept } = await aSession({ db }, { kind: 'DEVELOPER_TOKEN' })
    expect(await endExpiredSingles(gateway, { take: 10 })).toBe(1)
    expect(await remaining()).toEqual([grouped.id, kept.id].toSorted())
    expect(await due()).toEqual([token.grantId])
  })

  it('ends sessions that were not exchanged in time', async () => {
    const now = Date.now()
    const awaiting = { exchangedAt: null, createdAt: new Date(now - 3 * MINUTE) }
    const { session: old } = await aSession({ db }, awaiting)
    const { session: young } = await aSession({ db }, { ...awaiting, createdAt: new Date(now) })
    const { session: exchanged } = await aSession({ db }, { createdAt: new Date(now - DAY) })
    expect(await endUnexchanged(gateway, { take: 10, before: new Date(now - 2 * MINUTE) })).toBe(1)
    expect(await remaining()).toEqual([young.id, exchanged.id].toSorted())
    expect(await due()).toEqual([old.grantId])
  })

  it('ends tokens of several groups at once, and what no other token of the same group reaches', async () => {
    const now = Date.now()
    const ended = { endsAt: new Date(now - 1) }
    const { session: unreached } = await aSession({ db })
    await db.clientToken.updateMany({ data: ended })
    const { session: alice } = await aSession({ db })
    await aToken({ db }, alice, ended)
    expect(await endTokens(gateway, { take: 10 })).toBe(2)
    expect(await remaining()).toEqual([alice.id])
    expect(await due()).toEqual([unreached.grantId])
    expect(await db.clientToken.count()).toBe(1)
    expect(await endTokens(gateway, { take: 10 })).toBe(0)
  })

  it('deletes groups that no session is in, in parts', async () => {
    for (const id of ['0', '1', 'm', 'z']) await db.sessionGroup.create({ data: { id, activeDid: 'did:web:a.test' } })
    await aSession({ db }, { groupId: 'm' })
    const first = await deleteEmptyGroups(gateway, { after: '', limit: 2 })
    expect(first).toEqual({ last: '1', count: 2 })
    expect(await db.sessionGroup.count()).toBe(2)
    expect(await deleteEmptyGroups(gateway, { after: '1', limit: 10 })).toEqual({ last: 'z', count: 2 })
    expect(await db.sessionGroup.findMany({ select: { id: true } })).toEqual([{ id: 'm' }])
    expect(await deleteEmptyGroups(gateway, { after: 'z', limit: 10 })).toEqual({ last: null, count: 0 })
  })
})

describe.skipIf(!inject('services').postgres)('ending what has expired, over PostgreSQL', () => {
  let fresh: FreshDatabase
  let database: Database
  let db: PrismaClient
  let gateway: ChangeParts

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    database = await openDatabase({ kind: 'postgresql', url: fresh.url })
    db = database.prisma
    const unit = await openUnitGateway()
    const grants = { ...unit.atproto.grants, due: createDueRevocations({ db, clock: Date.now }) }
    gateway = { ...unit, stores: { ...unit.stores, db }, atproto: { ...unit.atproto, grants } }
  })
  afterAll(async () => {
    await database.close()
    await fresh.drop()
  })
  beforeEach(async () => {
    await db.session.deleteMany()
    await db.sessionGroup.deleteMany()
  })

  it('is shared by replicas: none does what another does', async () => {
    for (let n = 0; n < 30; n++) await aSession({ db }, { handle: `account-${n}.test`, ...expired })
    const found = await Promise.all(Array.from({ length: 6 }, () => endExpiredSessions(gateway, { take: 5 })))
    expect(found).toEqual([5, 5, 5, 5, 5, 5])
    expect(await db.session.count()).toBe(0)
    expect(await db.sessionGroup.count()).toBe(0)
  })

  it('waits for nobody: a group that somebody is changing is left for the next round', async () => {
    const { session: held } = await aSession({ db }, expired)
    const { session: free } = await aSession({ db }, expired)
    await db.clientToken.updateMany({ data: { endsAt: new Date(0) } })
    const { session: token } = await aSession({ db }, { kind: 'DEVELOPER_TOKEN', ...expired })
    await db.$transaction(async (tx) => {
      await new SessionRows(tx).lockGroups([held.groupId ?? ''])
      await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${token.id} FOR UPDATE`
      expect(await endTokens(gateway, { take: 10 })).toBe(1)
      expect(await db.session.count({ where: { id: free.id } })).toBe(0)
      expect(await endExpiredSessions(gateway, { take: 10 })).toBe(0)
      expect(await endExpiredSingles(gateway, { take: 10 })).toBe(0)
    })
    expect(await endExpiredSessions(gateway, { take: 10 })).toBe(1)
    expect(await endExpiredSingles(gateway, { take: 10 })).toBe(1)
  })
})
