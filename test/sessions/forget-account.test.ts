import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { recordAccount } from '../../src/accounts/record-account.ts'
import { newId } from '../../src/platform/random.ts'
import { forgetAccount } from '../../src/sessions/forget-account.ts'
import { withSessionChanges } from '../../src/sessions/with-session-changes.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import type { PrismaClient, Session } from '../../src/store/sql/generated/client.ts'
import { aSession, aToken, aViewer, type BuiltViewer, CLIENT, didOf, seenBy } from '../support/builders.ts'
import { SEALED_GRANT } from '../support/encryption-key.ts'
import { withMembers } from '../support/faults.ts'
import { fixture } from '../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../support/fresh-database.ts'
import { manySessions } from '../support/many-sessions.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const MINUTE = 60_000
const ALICE = didOf('alice.test')
const BOB = didOf('bob.test')

async function empty(db: PrismaClient): Promise<void> {
  await db.session.deleteMany()
  await db.sessionGroup.deleteMany()
  await db.grant.deleteMany()
  await db.auditEvent.deleteMany()
  await db.account.deleteMany()
}

/** The same gateway over another database. */
const over = (gateway: UnitGateway, db: PrismaClient): UnitGateway => ({
  ...gateway,
  stores: { ...gateway.stores, db },
})

describe('forgetting an account', () => {
  let gateway: UnitGateway
  let db: PrismaClient
  let alice: BuiltViewer

  beforeAll(async () => {
    gateway = await openUnitGateway()
    db = gateway.stores.db
  })
  beforeEach(async () => {
    await empty(db)
    alice = await aViewer(gateway)
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const forget = (as: Pick<BuiltViewer, 'viewer' | 'client'> = alice, did = ALICE, by = gateway) =>
    forgetAccount(by, { viewer: as.viewer, client: as.client, did })
  const write = (options: Parameters<typeof aSession>[1] = {}) => aSession({ db, now: gateway.clock() }, options)
  const beside = (session: Session, handle: string) => write({ handle, groupId: session.groupId })
  /** Every row of the database in which a text occurs, by table. */
  async function naming(text: string): Promise<string[]> {
    const tables = { ...{ account: db.account, session: db.session, group: db.sessionGroup, token: db.clientToken } }
    const rows = await Promise.all([
      ...Object.entries(tables).map(async ([name, table]) => [
        name,
        await (table.findMany as () => Promise<unknown[]>)(),
      ]),
      db.auditEvent.findMany().then((events) => ['event', events]),
    ])
    const asText = (value: unknown) => JSON.stringify(value)
    return rows.flatMap(([name, found]) =>
      (found as unknown[]).filter((row) => asText(row).includes(text)).map(() => String(name)),
    )
  }

  it('ends it in every client, with its developer tokens and what awaits its exchange, and deletes what names it', async () => {
    const others = [
      await write({ kind: 'SDK' }),
      await write({ kind: 'DEVELOPER_TOKEN' }),
      await write({ exchangedAt: null }),
    ].map(({ session }) => session)
    const { session: carol } = await write({ handle: 'carol.test' })
    await db.auditEvent.createMany({
      data: [ALICE, carol.did].map((did) => ({ id: newId(), at: new Date(), kind: 'signed_out', did, ...CLIENT })),
    })
    expect(await forget()).toEqual({ isSignedOut: true })

    expect(await naming(ALICE)).toEqual([])
    expect((await db.session.findMany()).map(({ id }) => id)).toEqual([carol.id])
    const ended = [alice.session, ...others].map(({ grantId }) => grantId).toSorted()
    const due = await db.grant.findMany({ where: { nextAttemptAt: { not: null } } })
    expect(due.map(({ id }) => id).toSorted()).toEqual(ended)
    expect(gateway.revoked.toSorted()).toEqual(ended)
    const events = await db.auditEvent.findMany({ orderBy: { kind: 'asc' } })
    expect(events).toEqual([
      {
        id: expect.any(String),
        at: expect.any(Date),
        kind: 'account_forgotten',
        did: null,
        sessionId: null,
        ip: null,
        userAgent: null,
        detail: null,
      },
      expect.objectContaining({ kind: 'signed_out', did: carol.did }),
    ])
  })

  it('leaves the accounts beside it signed in, in its own group and in others, and tells them', async () => {
    const { session: bobHere } = await beside(alice.session, 'bob.test')
    const elsewhere = await write({ handle: 'bob.test' })
    const second = await beside(elsewhere.session, 'alice.test')
    const third = await write()
    const bobThere = await beside(third.session, 'bob.test')
    expect(await forget()).toEqual({ isSignedOut: false })

    expect((await db.session.findMany()).map(({ id }) => id).toSorted()).toEqual(
      [bobHere.id, elsewhere.session.id, bobThere.session.id].toSorted(),
    )
    for (const token of [alice.token, second.token, third.token]) {
      expect((await seenBy(gateway, token, BOB)).client.accounts.map(({ did }) => did)).toEqual([BOB])
    }
    // Where she was active nobody is; where Bob was, he is.
    await expect(seenBy(gateway, third.token)).rejects.toThrow('acts as somebody')
    expect((await seenBy(gateway, elsewhere.token)).viewer.session.did).toBe(BOB)
    expect(await naming(ALICE)).toEqual([])
    expect(gateway.published.toSorted()).toEqual(
      [
        `session-group:${alice.session.groupId} SIGNED_OUT`,
        `session-group:${elsewhere.session.groupId} ACCOUNT_REMOVED`,
        `session-group:${third.session.groupId} SIGNED_OUT`,
      ].toSorted(),
    )
  })

  it('takes its name from groups that it has left, and from tokens that were to make it active', async () => {
    const { session: bob } = await write({ handle: 'bob.test' })
    await db.sessionGroup.update({ where: { id: bob.groupId ?? '' }, data: { activeDid: ALICE } })
    const { session: carol } = await write({ handle: 'carol.test' })
    await aToken({ db, now: gateway.clock() }, carol, { confirmedAt: null, activatesDid: ALICE })
    await forget()
    expect(await naming(ALICE)).toEqual([])
    expect(await db.session.count()).toBe(2)
  })

  it('is only for an account that signed in within the hour, whatever else happened since', async () => {
    const recently = new Date(gateway.clock() - 60 * MINUTE + 1000)
    const old = new Date(gateway.clock() - 60 * MINUTE - 1000)
    await db.session.update({ where: { id: alice.session.id }, data: { authenticatedAt: old, lastUsedAt: new Date() } })
    await expect(forget(await seenBy(gateway, alice.token))).rejects.toMatchObject({ code: 'NEEDS_REAUTHENTICATION' })
    // Nor is it when the session was replaced while it was being judged.
    await expect(forget()).rejects.toMatchObject({ code: 'NEEDS_REAUTHENTICATION' })
    expect(await db.account.count()).toBe(1)
    await db.session.update({ where: { id: alice.session.id }, data: { authenticatedAt: recently } })
    await forget(await seenBy(gateway, alice.token))
    expect(await db.account.count()).toBe(0)
  })

  it('is only for the account that the request acts as', async () => {
    await beside(alice.session, 'bob.test')
    const acting = await seenBy(gateway, alice.token)
    for (const did of [BOB, didOf('carol.test'), '']) {
      await expect(forget(acting, did)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    }
    expect(await db.session.count()).toBe(2)
    await forget(await seenBy(gateway, alice.token, BOB), BOB)
    expect((await db.session.findMany()).map(({ did }) => did)).toEqual([ALICE])
  })

  it.each([
    ['UNAUTHENTICATED', null],
    ['ACCOUNT_CHANGED', ALICE],
  ])('is refused with %s to one who was signed out meanwhile and had named %s', async (code, named) => {
    const acting = await seenBy(gateway, alice.token, named)
    await beside(alice.session, 'bob.test')
    const { session: elsewhere } = await write()
    await db.session.delete({ where: { id: alice.session.id } })
    await expect(forget(acting)).rejects.toMatchObject({ code })
    expect(await db.session.count({ where: { id: elsewhere.id } })).toBe(1)
  })

  it('goes on after a crash between two batches: the caller is still signed in, and calls again', async () => {
    await manySessions(db, { prefix: 'c', count: 700, did: ALICE })
    await db.auditEvent.create({ data: { id: newId(), at: new Date(), kind: 'signed_out', did: ALICE } })
    let transactions = 0
    const crashing = withMembers(db, {
      $transaction(work: () => Promise<unknown>) {
        if (++transactions === 2) throw new Error('crashed')
        return db.$transaction(work)
      },
    })
    await expect(forget(alice, ALICE, over(gateway, crashing))).rejects.toThrow('crashed')
    expect(await db.session.count()).toBe(201)
    expect(await db.account.count()).toBe(1)
    await forget(await seenBy(gateway, alice.token))
    expect(await naming(ALICE)).toEqual([])
    expect(await db.grant.count({ where: { nextAttemptAt: { not: null } } })).toBe(701)
  })

  it('stops where the caller is signed out between two batches', async () => {
    await manySessions(db, { prefix: 'd', count: 700, did: ALICE })
    let transactions = 0
    const watched = withMembers(db, {
      async $transaction(work: () => Promise<unknown>) {
        if (++transactions === 2) await db.session.delete({ where: { id: alice.session.id } })
        return db.$transaction(work)
      },
    })
    await expect(forget(alice, ALICE, over(gateway, watched))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await db.session.count()).toBe(200)
  })
})

describe.skipIf(!inject('services').postgres)('forgetting an account, over PostgreSQL', () => {
  let fresh: FreshDatabase
  let database: Database
  let gateway: UnitGateway
  let db: PrismaClient

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    database = await openDatabase({ kind: 'postgresql', url: fresh.url })
    db = database.prisma
    const unit = over(await openUnitGateway(), db)
    gateway = { ...unit, stores: { ...unit.stores, readText: database.readText } }
  })
  afterAll(async () => {
    await database.close()
    await fresh.drop()
  })
  beforeEach(() => empty(db))

  const isWaitedFor = () =>
    eventually(async () => {
      const [found] = await db.$queryRaw<{ count: number }[]>`
        SELECT count(*)::int AS "count" FROM pg_stat_activity
         WHERE "datname" = current_database() AND "wait_event_type" = 'Lock'`
      return (found?.count ?? 0) > 0
    }, 'somebody waits for a lock')

  it('ends any number of sessions, in transactions that are short', async () => {
    const alice = await aViewer(gateway)
    await manySessions(db, { prefix: 'e', count: 20_000, did: ALICE })
    const took: number[] = []
    const watched = withMembers(db, {
      async $transaction(work: () => Promise<unknown>) {
        const start = performance.now()
        const result = await db.$transaction(work)
        took.push(performance.now() - start)
        return result
      },
    })
    await forgetAccount(over(gateway, watched), { ...alice, did: ALICE })
    expect(await db.session.count()).toBe(0)
    expect(await db.account.count()).toBe(0)
    expect(took).toHaveLength(41)
    expect(Math.max(...took)).toBeLessThan(5000)
  })

  it('waits for a sign-in whose callback is writing, and ends that too', async () => {
    const alice = await aViewer(gateway)
    const written = Promise.withResolvers<void>()
    const mayCommit = Promise.withResolvers<void>()
    const now = new Date(gateway.clock())
    const callback = withSessionChanges(gateway, {}, async (rows) => {
      const identity = { did: ALICE, handle: 'alice.test', pdsUrl: 'https://pds.test' }
      await recordAccount(rows.tx, { identity, profile: null, now } as Parameters<typeof recordAccount>[1])
      const times = { updatedAt: now, refreshAfter: now, expiresAt: now }
      const grant = { id: newId(), did: ALICE, issuer: 'https://pds.test', scope: 'atproto', sealed: SEALED_GRANT }
      await rows.tx.grant.create({ data: { ...grant, ...times } })
      const session = {
        kind: 'BROWSER',
        name: null,
        did: ALICE,
        grantId: grant.id,
        userAgent: null,
        askedScope: null,
      } as const
      await rows.insertAwaiting({ ...session, createdAt: now, expiresAt: now })
      written.resolve()
      await mayCommit.promise
    })
    await written.promise
    const forgotten = forgetAccount(gateway, { ...alice, did: ALICE })
    await isWaitedFor()
    mayCommit.resolve()
    await Promise.all([callback, forgotten])
    expect([await db.session.count(), await db.account.count()]).toEqual([0, 0])
    expect(await db.grant.count({ where: { nextAttemptAt: null } })).toBe(0)
  })

  it('waits for a sign-in whose exchange is writing, and ends that too', async () => {
    const alice = await aViewer(gateway)
    const { session } = await aSession({ db, now: gateway.clock() }, { exchangedAt: null })
    gateway.published.length = 0
    const written = Promise.withResolvers<void>()
    const mayCommit = Promise.withResolvers<void>()
    const now = new Date(gateway.clock())
    const exchange = withSessionChanges(gateway, {}, async (rows) => {
      const awaiting = await rows.takeAwaiting(session.id)
      if (awaiting === null) throw new Error('nothing awaits')
      const groupId = await rows.insertGroup(ALICE, now)
      await rows.join(awaiting, { groupId, now })
      written.resolve()
      await mayCommit.promise
      return groupId
    })
    await written.promise
    const forgotten = forgetAccount(gateway, { ...alice, did: ALICE })
    await isWaitedFor()
    mayCommit.resolve()
    const [groupId] = await Promise.all([exchange, forgotten])
    expect(gateway.published).toContain(`session-group:${groupId} SIGNED_OUT`)
    expect([await db.session.count(), await db.sessionGroup.count(), await db.account.count()]).toEqual([0, 0, 0])
  })

  it('is waited for by a sign-in whose callback comes later, which makes the account known anew', async () => {
    const alice = await aViewer(gateway)
    const isDeleting = Promise.withResolvers<void>()
    const mayCommit = Promise.withResolvers<void>()
    const held = withMembers(db, {
      $transaction: (work: (tx: PrismaClient) => Promise<unknown>) =>
        db.$transaction(async (tx) => {
          const result = await work(tx as PrismaClient)
          isDeleting.resolve()
          await mayCommit.promise
          return result
        }),
    })
    const forgotten = forgetAccount(over(gateway, held), { ...alice, did: ALICE })
    await isDeleting.promise
    const callback = aSession({ db, now: gateway.clock() }, { exchangedAt: null })
    await isWaitedFor()
    mayCommit.resolve()
    await forgotten
    const { session } = await callback
    expect((await db.session.findMany()).map(({ id }) => id)).toEqual([session.id])
    expect(await db.account.count({ where: { did: ALICE } })).toBe(1)
  })
})
