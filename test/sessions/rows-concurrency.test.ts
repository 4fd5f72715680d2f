import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { SessionRows, touchSession } from '../../src/sessions/rows.ts'
import { type Database, openDatabase } from '../../src/store/sql/database.ts'
import type { PrismaClient } from '../../src/store/sql/generated/client.ts'
import { aSession, aToken } from '../support/builders.ts'
import { fixture } from '../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../support/fresh-database.ts'

/** Several connections that write at once: what PGlite, which has one, cannot show. */
describe.skipIf(!inject('services').postgres)('SessionRows over PostgreSQL', () => {
  let fresh: FreshDatabase
  let database: Database
  let db: PrismaClient

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    database = await openDatabase({ kind: 'postgresql', url: fresh.url })
    db = database.prisma
  })
  afterAll(async () => {
    await database.close()
    await fresh.drop()
  })

  const withRows = <T>(work: (rows: SessionRows) => Promise<T>): Promise<T> =>
    db.$transaction((tx) => work(new SessionRows(tx)))

  it('lets one of many transactions end a session', async () => {
    const { session } = await aSession({ db })
    const ended = await Promise.all(Array.from({ length: 8 }, () => withRows((rows) => rows.end({ id: session.id }))))
    expect(ended.flat().map(({ id }) => id)).toEqual([session.id])
    expect(await db.sessionGroup.count({ where: { id: session.groupId ?? '' } })).toBe(0)
  })

  it('keeps a session that no longer meets the condition once its group is free', async () => {
    const { session } = await aSession({ db }, { expiresAt: new Date(0) })
    const { promise: mayCommit, resolve: commit } = Promise.withResolvers<void>()
    const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>()
    const sliding = withRows(async (rows) => {
      await rows.lockGroups([session.groupId ?? ''])
      await rows.tx.session.update({ where: { id: session.id }, data: { expiresAt: new Date(Date.now() + 60_000) } })
      locked()
      await mayCommit
    })
    await isLocked
    const sweeping = withRows((rows) => rows.end({ id: session.id, expiresAt: { lte: new Date() } }))
    await waitsForLock()
    commit()
    await sliding
    expect(await sweeping).toEqual([])
    expect(await db.session.count({ where: { id: session.id } })).toBe(1)
  })

  it('locks groups by their ids, in whatever order they are named or stored', async () => {
    // Stored in the opposite order, in which PostgreSQL would lock them by itself.
    const ids = Array.from({ length: 6 }, (_, index) => `group-${6 - index}`)
    for (const id of ids) await db.sessionGroup.create({ data: { id, activeDid: 'did:web:alice.test' } })
    const atOnce = () => withRows((rows) => rows.lockGroups(ids))
    const oneByOne = () =>
      withRows(async (rows) => {
        for (const id of ids.toSorted()) await rows.lockGroups([id])
      })
    // PostgreSQL ends one of two transactions that wait for each other, with 40P01.
    const rounds = Array.from({ length: 40 }, (_, round) => (round % 2 === 0 ? atOnce() : oneByOne()))
    await expect(Promise.all(rounds)).resolves.toHaveLength(40)
  })

  it('lets one of many requests at once touch a session, and one confirm a token', async () => {
    const now = new Date()
    const unusedSince = new Date(now.getTime() - 300_000)
    const built = await aSession({ db }, { lastUsedAt: unusedSince })
    const { row } = await aToken({ db }, built.session, { confirmedAt: null })
    const times = Array.from({ length: 8 })
    const touches = await Promise.all(
      times.map(() => touchSession(db, built.session.id, { until: null, unusedSince, now })),
    )
    expect(touches.filter(Boolean)).toHaveLength(1)
    const uses = await Promise.all(times.map(() => withRows((rows) => rows.tokens.confirm(row, now))))
    expect(uses.filter(Boolean)).toHaveLength(1)
  })

  it('touches no session that somebody holds, and does not wait for it', async () => {
    const unusedSince = new Date()
    const { session } = await aSession({ db }, { lastUsedAt: new Date(0) })
    await withRows(async ({ tx }) => {
      await tx.$queryRaw`SELECT 1 FROM "Session" WHERE "id" = ${session.id} FOR UPDATE`
      expect(await touchSession(db, session.id, { until: null, unusedSince, now: unusedSince })).toBe(false)
    })
    expect(await touchSession(db, session.id, { until: null, unusedSince, now: unusedSince })).toBe(true)
  })

  /** Waits until a connection to this database waits for a lock. */
  async function waitsForLock(): Promise<void> {
    await expect
      .poll(async () => {
        const rows = await db.$queryRaw<unknown[]>`
          SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
        return rows.length
      })
      .toBeGreaterThan(0)
  }
})
