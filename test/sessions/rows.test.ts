import { beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/platform/random.ts'
import { SessionRows, touchSession } from '../../src/sessions/rows.ts'
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

  const groupOf = ({ groupId }: Session) => db.sessionGroup.findUnique({ where: { id: groupId ?? '' } })

  /** Runs `work` in a transaction of its own. Gives what it gave, and the rows with what they noted. */
  async function write<T>(work: (rows: SessionRows) => Promise<T>): Promise<{ rows: SessionRows; result: T }> {
    return db.$transaction(async (tx) => {
      const rows = new SessionRows(tx)
      const result = await work(rows)
      await rows.raiseVersions()
      return { rows, result }
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
      const { session: awaiting } = await build({ exchangedAt: null })
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
          refreshAfter: now,
        },
      })
      const awaiting = {
        kind: 'SDK',
        name: 'a name',
        did: other.did,
        grantId: grant.id,
        userAgent: 'Test/1.0',
        askedScope: 'atproto',
        createdAt: now,
        expiresAt: new Date(now.getTime() + DAY),
      } as const
      const { rows, result } = await write((each) => each.insertAwaiting(awaiting))
      expect(await find(result.id)).toMatchObject({
        ...awaiting,
        linkedAt: now,
        authenticatedAt: now,
        secretHash: null,
        groupId: null,
        exchangedAt: null,
        lastUsedAt: null,
      })
      expect(rows.changedIds).toEqual(new Set([result.id]))
    })
  })

  describe('insertGroup', () => {
    it('writes a group that counts as locked', async () => {
      const { rows, result } = await write((each) => each.insertGroup('did:web:alice.test', now))
      expect(rows.hasGroup(result)).toBe(true)
      expect(await db.sessionGroup.findUnique({ where: { id: result } })).toMatchObject({
        activeDid: 'did:web:alice.test',
        version: 0,
        createdAt: now,
      })
    })
  })

  describe('join', () => {
    it('puts a session into a group as exchanged, but not active', async () => {
      const { session: first } = await build()
      const { session: awaiting } = await build({ handle: 'bob.test', exchangedAt: null, lastUsedAt: null })
      const place = { groupId: first.groupId ?? '', linkedAt: new Date(now.getTime() - DAY), now }
      const { rows, result } = await write((each) => each.join(awaiting, place))
      expect(await find(awaiting.id)).toEqual(result)
      const { groupId, linkedAt } = place
      expect(result).toEqual({ ...awaiting, groupId, linkedAt, exchangedAt: now, lastUsedAt: now })
      expect(await groupOf(first)).toMatchObject({ activeDid: first.did, version: 1 })
      expect(rows.changedIds).toEqual(new Set([awaiting.id]))
    })
  })

  describe('mint', () => {
    it('writes a token that was not used, and gives its text', async () => {
      const { session } = await build()
      const minting = { replacesGroupId: 'group', activatesDid: session.did, now }
      const { result } = await write((rows) => rows.tokens.mint(session, minting))
      const [id = '', secret = ''] = result.split('.')
      const { groupId, kind } = session
      expect(await db.clientToken.findUnique({ where: { id } })).toEqual({
        id,
        secretHash: hashSecret(secret),
        kind,
        groupId,
        sessionId: session.id,
        replacesGroupId: 'group',
        activatesDid: session.did,
        mintedAt: now,
        confirmedAt: null,
        endsAt: new Date(now.getTime() + DAY),
      })
    })

    it('reaches its session also where the clock of the other replica goes before', async () => {
      const authenticatedAt = new Date(now.getTime() + SECOND)
      const { session } = await build({ authenticatedAt })
      const { result } = await write((rows) =>
        rows.tokens.mint(session, { replacesGroupId: null, activatesDid: null, now }),
      )
      const [id = ''] = result.split('.')
      expect(await db.clientToken.findUnique({ where: { id } })).toMatchObject({ mintedAt: authenticatedAt })
    })
  })

  describe('mintDeveloperToken', () => {
    it('gives the session its secret without calling it used', async () => {
      const { session } = await build({
        kind: 'DEVELOPER_TOKEN',
        exchangedAt: null,
        secretHash: null,
        lastUsedAt: null,
      })
      const { rows, result } = await write((each) => each.mintDeveloperToken(session, now))
      const [id, secret = ''] = result.split('.')
      expect(id).toBe(`atgate_${session.id}`)
      expect(await find(session.id)).toEqual({ ...session, exchangedAt: now, secretHash: hashSecret(secret) })
      expect(rows.changedIds).toEqual(new Set([session.id]))
    })
  })

  describe('activate', () => {
    it('moves the pointer of the one group, and raises its version once', async () => {
      const [first, second] = await buildTwo()
      const { session: other } = await build()
      await write(async (rows) => {
        await rows.activate(first.groupId ?? '', second.did)
        await rows.activate(first.groupId ?? '', second.did)
      })
      expect(await groupOf(first)).toMatchObject({ activeDid: second.did, version: 1 })
      expect(await groupOf(other)).toMatchObject({ activeDid: other.did, version: 0 })
    })
  })

  describe('end', () => {
    it('deletes sessions, and the group that loses its last one', async () => {
      const [first, second] = await buildTwo()
      const one = await write((rows) => rows.end({ id: first.id }))
      const { id, did, grantId, groupId } = first
      expect(one.result).toEqual([{ id, did, grantId, groupId, wasActive: true }])
      expect(one.rows.ended).toEqual(one.result)
      expect(one.rows.changedIds).toEqual(new Set([first.id]))
      expect(one.rows.hasGroup(groupId ?? '')).toBe(true)
      expect(await groupOf(first)).toMatchObject({ activeDid: did, version: 1 })

      const { result: emptyGroup } = await write((rows) => rows.insertGroup('did:web:alice.test', now))
      const two = await write((rows) => rows.end({ id: second.id }))
      expect(two.result).toMatchObject([{ id: second.id, wasActive: false }])
      expect(await groupExists(emptyGroup)).toBe(true)
      expect(await db.session.count({ where: { id: { in: [first.id, second.id] } } })).toBe(0)
      expect(await groupExists(groupId)).toBe(false)
      expect(await db.clientToken.count({ where: { groupId: groupId ?? '' } })).toBe(0)
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

  describe('touch', () => {
    const at = (days: number) => new Date(now.getTime() + days * DAY)
    const unusedSince = new Date(now.getTime() - 30 * SECOND)
    const touch = (id: string, until: Date | null = at(14)) => touchSession(db, id, { until, unusedSince, now })

    it('records that a session was used, and slides it no further than its grant', async () => {
      const { session } = await build({ expiresAt: at(1), grant: { expiresAt: at(30) } })
      const { session: short } = await build({ expiresAt: at(1), grant: { expiresAt: at(5) } })
      const { session: other } = await build()
      expect(await touch(session.id)).toBe(true)
      await touch(short.id)
      expect(await find(session.id)).toEqual({ ...session, lastUsedAt: now, expiresAt: at(14) })
      expect(await find(short.id)).toEqual({ ...short, lastUsedAt: now, expiresAt: at(5) })
      expect(await find(other.id)).toEqual(other)
    })

    it('leaves the fixed end of a developer token, also at its first use', async () => {
      const { session } = await build({ kind: 'DEVELOPER_TOKEN', lastUsedAt: null, expiresAt: at(90) })
      await touch(session.id, null)
      expect(await find(session.id)).toEqual({ ...session, lastUsedAt: now })
    })

    it.each<[string, object]>([
      ['was used since', { lastUsedAt: new Date(unusedSince.getTime() + 1) }],
      ['has expired', { expiresAt: now }],
    ])('does nothing where the session %s', async (_what, options) => {
      const { session } = await build(options)
      expect(await touch(session.id)).toBe(false)
      expect(await find(session.id)).toEqual(session)
    })

    it('does nothing where the session has ended', async () => {
      expect(await touch('gone')).toBe(false)
    })
  })
})
