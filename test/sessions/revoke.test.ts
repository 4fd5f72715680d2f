import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { revokeSession } from '../../src/sessions/revoke.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, eventsOf, type SessionOptions } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('revokeSession', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const revoke = (id: string) =>
    revokeSession(gateway, { client: alice.client, viewer: alice.viewer, id, from: CLIENT })
  const build = async (options: SessionOptions = {}) =>
    (await aSession({ db: gateway.stores.db, now: gateway.clock() }, options)).session
  const isThere = async (id: string) => (await gateway.stores.db.session.count({ where: { id } })) === 1

  it.each(['BROWSER', 'SDK'] as const)('ends another %s session of the same account', async (kind) => {
    const other = await build({ kind })
    await revoke(other.id)
    expect(await isThere(other.id)).toBe(false)
    expect(await eventsOf(gateway, other.id)).toEqual([
      { kind: 'session_revoked', did: other.did, sessionId: other.id, ...CLIENT, detail: { by: alice.session.id } },
    ])
    expect(gateway.revoked).toEqual([other.grantId])
    expect(gateway.published).toEqual([`session-group:${other.groupId} SIGNED_OUT`])
  })

  it('refuses the session that is used', async () => {
    await expect(revoke(alice.session.id)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(await isThere(alice.session.id)).toBe(true)
  })

  it.each<[string, SessionOptions]>([
    ['another account’s session', { handle: 'bob.test' }],
    ['a developer token', { kind: 'DEVELOPER_TOKEN' }],
    ['a session that awaits its exchange', { exchangedAt: null }],
    ['a session that has expired', { expiresAt: new Date(0) }],
  ])('does not find %s', async (_what, options) => {
    const { id } = await build(options)
    await expect(revoke(id)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
    expect(await isThere(id)).toBe(true)
    expect(await eventsOf(gateway, id)).toEqual([])
  })

  it('ends a session of the same group, too, and leaves the account that is used', async () => {
    const twin = await build({ groupId: alice.session.groupId })
    await gateway.stores.db.session.update({
      where: { id: twin.id },
      data: { authenticatedAt: new Date(gateway.clock() - 120_000) },
    })
    await revoke(twin.id)
    expect([await isThere(twin.id), await isThere(alice.session.id)]).toEqual([false, true])
  })

  it('is refused to one who was signed out meanwhile', async () => {
    const other = await build()
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await expect(revoke(other.id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await isThere(other.id)).toBe(true)
  })
})
