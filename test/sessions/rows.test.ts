import { beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/platform/random.ts'
import { SessionRows } from '../../src/sessions/rows.ts'
import { hashSecret } from '../../src/sessions/token.ts'
import type { PrismaClient, Session } from '../../src/store/sql/generated/client.ts'
import { aSession } from '../support/builders.ts'
import { openUnitGateway } from '../support/unit-gateway.ts'

const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND

describe('session rows', () => {
  let db: PrismaClient
  const now = new Date(Date.UTC(2030, 0, 1))

  beforeAll(async () => {
    db = (await openUnitGateway()).stores.db
  })

  const build = (options = {}) => aSession({ db, now: now.getTime() - 60 * SECOND }, options)
  const find = (id: string) => db.session.findUniqueOrThrow({ where: { id } })
  const groupExists = async (id: string | null) => (await db.sessionGroup.count({ where: { id: id ?? '' } })) === 1

  /** Runs `work` in a transaction of its own. Gives what it gave, and the rows with what they noted. */
  async function write<T>(work: (rows: SessionRows) => Promise<T>): Promise<{ rows: SessionRows; result: T }> {
    return db.$transaction(async (tx) => {
      const rows = new SessionRows(tx)
      return { rows, result: await work(rows) }
    })
  }

  /** Two accounts of one group, the first of them active. */
  async function buildTwo(): Promise<[Session, Session]> {
    const { session: first } = await build()
    const { session: second } = await build({ handle: 'bob.test', groupId: first.groupId ?? '' })
    return [first, second]
  }

  describe('lockGroups', () => {
    it('says which groups exist', async () => {
      const [{ groupId }, { session: other }] = [(await build()).session, await build()]
      const missing = newId()
      const { rows } = await write((each) => each.lockGroups([groupId ?? '', other.groupId ?? '', missing]))
      expect([groupId, other.groupId, missing].map((id) => rows.hasGroup(id ?? ''))).toEqual([true, true, false])
    })

    it('asks nothing for no group, and for one that it has locked already', async () => {
      const { groupId } = (await build()).session
      const { rows } = await write(async (each) => {
        await each.lockGroups([])
        await each.lockGroups([groupId ?? ''])
        await each.lockGroups([groupId ?? '', groupId ?? ''])
      })
      expect(rows.hasGroup(groupId ?? '')).toBe(true)
    })
  })

  describe('takeAwaiting', () => {
    it('finds a session that awaits its exchange, and no other', async () => {
      const { session: awaiting } = await build({ secretHash: null })
      const { session: exchanged } = await build()
      const { result } = await write(async (rows) => [
        await rows.takeAwaiting(awaiting.id),
        await rows.takeAwaiting(exchanged.id),
        await rows.takeAwaiting(newId()),
      ])
      expect(result).toEqual([awaiting, null, null])
    })
  })

  describe('insertAwaiting', () => {
    it('writes a session without secret and group', async () => {
      const { session: other } = await build()
      const grant = await db.grant.create({
        data: {
          id: newId(),
          did: other.did,
          issuer: 'https://pds.test',
          scope: 'atproto',
          sealed: '',
          expiresAt: now,
          updatedAt: now,
        },
      })
      const awaiting = {
        kind: 'SDK',
        name: 'a name',
        did: other.did,
        grantId: grant.id,
        userAgent: 'Test/1.0',
        createdAt: now,
        expiresAt: new Date(now.getTime() + DAY),
      } as const
      const { rows, result } = await write((each) => each.insertAwaiting(awaiting))
      expect(await find(result.id)).toMatchObject({
        ...awaiting,
        linkedAt: now,
        secretHash: null,
        groupId: null,
        isActive: false,
        lastUsedAt: null,
      })
      expect(rows.changedIds).toEqual(new Set([result.id]))
    })
  })

  describe('insertGroup', () => {
    it('writes a group that counts as locked', async () => {
      const { rows, result } = await write((each) => each.insertGroup(now))
      expect(rows.hasGroup(result)).toBe(true)
      expect(await db.sessionGroup.findUnique({ where: { id: result } })).toMatchObject({ createdAt: now })
    })
  })

  describe('join', () => {
    it('puts a session into a group as exchanged, but not active', async () => {
      const { session: first } = await build()
      const { session: awaiting } = await build({ handle: 'bob.test', secretHash: null })
      const place = { groupId: first.groupId ?? '', linkedAt: new Date(now.getTime() - DAY), now }
      const { rows, result } = await write((each) => each.join(awaiting, place))
      expect(await find(awaiting.id)).toEqual(result)
      expect(result).toMatchObject({
        groupId: first.groupId,
        linkedAt: place.linkedAt,
        lastUsedAt: now,
        isActive: false,
      })
      expect(result.secretHash).toHaveLength(32)
      expect(rows.changedIds).toEqual(new Set([awaiting.id]))
    })
  })

  describe('activate', () => {
    it('makes a session active with a new secret, in place of the one that was', async () => {
      const [first, second] = await buildTwo()
      await db.session.update({ where: { id: first.id }, data: { formerHash: hashSecret('older') } })
      const { rows, result } = await write((each) => each.activate(second, now))
      expect(result.id).toBe(second.id)
      expect(await find(second.id)).toMatchObject({
        isActive: true,
        secretHash: hashSecret(result.secret),
        formerHash: null,
        lastUsedAt: now,
      })
      expect(await find(first.id)).toMatchObject({
        isActive: false,
        secretHash: first.secretHash,
        formerHash: null,
        graceUntil: new Date(now.getTime() + 10 * SECOND),
      })
      expect(rows.changedIds).toEqual(new Set([first.id, second.id]))
    })

    it('lets the secret of a session that was replaced a moment ago go on as the former one', async () => {
      const [, second] = await buildTwo()
      const inGrace = { ...second, graceUntil: new Date(now.getTime() + 1) }
      await write((rows) => rows.activate(inGrace, now))
      expect(await find(second.id)).toMatchObject({ formerHash: second.secretHash })

      await write((rows) => rows.activate({ ...second, graceUntil: now }, now))
      expect(await find(second.id)).toMatchObject({ formerHash: null })
    })

    it('leaves other groups as they are', async () => {
      const [, second] = await buildTwo()
      const { session: other } = await build()
      await write((rows) => rows.activate(second, now))
      expect(await find(other.id)).toEqual(other)
    })

    it('gives a developer token its secret without calling it used', async () => {
      const { session } = await build({ kind: 'DEVELOPER_TOKEN', secretHash: null, isActive: false })
      const { rows, result } = await write((each) => each.activate(session, now))
      expect(await find(session.id)).toMatchObject({
        isActive: true,
        secretHash: hashSecret(result.secret),
        lastUsedAt: null,
      })
      expect(rows.changedIds).toEqual(new Set([session.id]))
    })
  })

  describe('end', () => {
    it('deletes sessions, and the group that loses its last one', async () => {
      const [first, second] = await buildTwo()
      const one = await write((rows) => rows.end({ id: first.id }))
      const { id, did, grantId, groupId, isActive } = first
      expect(one.result).toEqual([{ id, did, grantId, groupId, isActive }])
      expect(one.rows.ended).toEqual(one.result)
      expect(one.rows.changedIds).toEqual(new Set([first.id]))
      expect(one.rows.hasGroup(groupId ?? '')).toBe(true)
      expect(await groupExists(groupId)).toBe(true)

      const { result: emptyGroup } = await write((rows) => rows.insertGroup(now))
      await write((rows) => rows.end({ id: second.id }))
      expect(await groupExists(emptyGroup)).toBe(true)
      expect(await db.session.count({ where: { id: { in: [first.id, second.id] } } })).toBe(0)
      expect(await groupExists(groupId)).toBe(false)
    })

    it('keeps the group for the session that is about to take the place', async () => {
      const { session } = await build()
      await write((rows) => rows.end({ id: session.id }, { keepGroup: true }))
      expect(await groupExists(session.groupId)).toBe(true)
    })

    it('keeps the grants, which are still to be revoked', async () => {
      const { session } = await build()
      await write((rows) => rows.end({ id: session.id }))
      expect(await db.grant.count({ where: { id: session.grantId } })).toBe(1)
    })

    it('ends several at once, in groups and in none', async () => {
      const [first, second] = await buildTwo()
      const { session: token } = await build({ kind: 'DEVELOPER_TOKEN' })
      const ids = [first.id, second.id, token.id]
      const { rows, result } = await write((each) => each.end({ id: { in: ids } }))
      expect(new Set(result.map(({ id }) => id))).toEqual(new Set(ids))
      expect(rows.changedIds).toEqual(new Set(ids))
      expect(await groupExists(first.groupId)).toBe(false)
    })

    it('ends nothing where nothing is', async () => {
      const { rows, result } = await write((each) => each.end({ id: newId() }))
      expect([result, rows.ended, [...rows.changedIds]]).toEqual([[], [], []])
    })
  })

  describe('slideGroup', () => {
    it('slides the unexpired sessions of the group, each no further than its grant', async () => {
      const at = (days: number) => new Date(now.getTime() + days * DAY)
      const { session: first } = await build({ expiresAt: at(1), grant: { expiresAt: at(30) } })
      const groupId = first.groupId ?? ''
      const { session: short } = await build({
        handle: 'bob.test',
        groupId,
        expiresAt: at(1),
        grant: { expiresAt: at(5) },
      })
      const { session: over } = await build({ handle: 'carol.test', groupId, expiresAt: now })
      const { session: other } = await build({ expiresAt: at(1) })
      const { rows } = await write((each) => each.slideGroup(groupId, { until: at(14), now }))
      const ends = await Promise.all([first, short, over, other].map(async ({ id }) => (await find(id)).expiresAt))
      expect(ends).toEqual([at(14), at(5), now, at(1)])
      expect(rows.changedIds).toEqual(new Set([first.id, short.id]))
    })
  })

  describe('touch', () => {
    it('records that a session was used, if it is still there', async () => {
      const { session } = await build()
      const { session: other } = await build()
      const { rows } = await write(async (each) => {
        await each.touch(session.id, now)
        await each.touch('gone', now)
      })
      expect((await find(session.id)).lastUsedAt).toEqual(now)
      expect(await find(other.id)).toEqual(other)
      expect(rows.changedIds).toEqual(new Set([session.id]))
    })
  })
})
