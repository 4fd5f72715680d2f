import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Client } from '../../src/sessions/client.ts'
import { logout, logoutAll, logoutTo } from '../../src/sessions/sign-out.ts'
import type { Viewer } from '../../src/sessions/viewer.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import {
  aSession,
  aViewer,
  type BuiltViewer,
  CLIENT,
  callerOfText,
  didOf,
  eventsOf,
  seenBy,
} from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('signing out', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer
  let bob: Session
  /** Sessions of other clients, which no sign-out here may reach. */
  let bystanders: Session[]

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    const groupId = alice.session.groupId ?? ''
    bob = (await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })).session
    bystanders = [
      (await aSession({ db: gateway.stores.db })).session,
      (await aSession({ db: gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })).session,
    ]
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  afterEach(async () => {
    const ids = bystanders.map(({ id }) => id)
    expect(await gateway.stores.db.session.count({ where: { id: { in: ids } } })).toBe(2)
  })

  const from = CLIENT
  const to = (switchTo: string, { client, viewer }: { client: Client; viewer: Viewer | null } = alice) =>
    logoutTo(gateway, { client, viewer, switchTo, from })
  const remaining = async () =>
    (await gateway.stores.db.session.findMany({ where: { id: { in: [alice.session.id, bob.id] } } })).map(
      ({ id }) => id,
    )
  const event = (kind: string, { id, did }: Session) => ({ kind, did, sessionId: id, ...CLIENT, detail: null })

  async function expectAllEnded(kind: string): Promise<void> {
    expect(await remaining()).toEqual([])
    expect(await gateway.stores.db.sessionGroup.count({ where: { id: alice.session.groupId ?? '' } })).toBe(0)
    for (const session of [alice.session, bob]) {
      expect(await eventsOf(gateway, session.id)).toEqual([event(kind, session)])
    }
    expect(gateway.revoked.toSorted()).toEqual([alice.session.grantId, bob.grantId].toSorted())
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} SIGNED_OUT`])
  }

  it('logout ends every session of the group, has their grants revoked and tells the clients', async () => {
    await logout(gateway, { caller: { client: alice.client, session: null }, from })
    await expectAllEnded('signed_out')
    expect(await callerOfText(gateway, alice.token)).toBeNull()
  })

  it('logout ends the accounts that the token does not reach as well: nobody else reaches them', async () => {
    const authenticatedAt = new Date(gateway.clock() + 60_000)
    await gateway.stores.db.session.update({ where: { id: bob.id }, data: { authenticatedAt } })
    await logout(gateway, { caller: { client: alice.client, session: null }, from })
    expect(await remaining()).toEqual([])
  })

  it('logout ends the group of a client whose active account has ended', async () => {
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await logout(gateway, { caller: { client: alice.client, session: null }, from })
    expect(await remaining()).toEqual([])
  })

  it('logoutAll does the same, and says how many there were', async () => {
    expect(await logoutAll(gateway, { client: alice.client, from })).toBe(2)
    await expectAllEnded('signed_out_everywhere')
  })

  it('logout of a developer token ends it alone', async () => {
    const token = await aSession({ db: gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })
    const caller = await callerOfText(gateway, token.token)
    if (caller === null) throw new Error('the token authenticates nobody')
    await logout(gateway, { caller, from })
    expect(await gateway.stores.db.session.count({ where: { id: token.session.id } })).toBe(0)
    expect(gateway.revoked).toEqual([token.session.grantId])
    expect(gateway.published).toEqual([])
    expect(await remaining()).toHaveLength(2)
    await expect(logout(gateway, { caller, from })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('logoutTo ends the one session and goes on as the other account, under the same token', async () => {
    expect(await to(didOf('bob.test'))).toMatchObject({ id: bob.id })
    expect(await seenBy(gateway, alice.token)).toMatchObject({ viewer: { session: { id: bob.id } } })
    expect(await remaining()).toEqual([bob.id])
    expect(await eventsOf(gateway, alice.session.id)).toEqual([event('signed_out', alice.session)])
    expect(gateway.revoked).toEqual([alice.session.grantId])
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} ACCOUNT_SWITCHED`])
  })

  it('logoutTo of a tab that acts as another account ends that one', async () => {
    const { session: carol } = await aSession(
      { db: gateway.stores.db, now: gateway.clock() },
      { handle: 'carol.test', groupId: alice.session.groupId },
    )
    await to(didOf('alice.test'), await seenBy(gateway, alice.token, carol.did))
    expect(await gateway.stores.db.session.count({ where: { id: carol.id } })).toBe(0)
    expect(await remaining()).toHaveLength(2)
    expect((await seenBy(gateway, alice.token)).viewer.session.id).toBe(alice.session.id)
  })

  it('logoutTo where the active account has ended only goes on as the other', async () => {
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await to(didOf('bob.test'), { client: alice.client, viewer: null })
    expect((await seenBy(gateway, alice.token)).viewer.session.id).toBe(bob.id)
    expect(gateway.revoked).toEqual([])
  })

  it('logoutTo refuses the account that signs out and one that is not linked; nothing has ended then', async () => {
    await expect(to(didOf('alice.test'))).rejects.toMatchObject({ code: 'ALREADY_ACTIVE' })
    await expect(to(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    expect(await remaining()).toHaveLength(2)
    expect([gateway.revoked, gateway.published]).toEqual([[], []])
  })

  it('is refused to a client whose token has ended meanwhile', async () => {
    await gateway.stores.db.clientToken.delete({ where: { id: alice.client.token.id } })
    const refused = expect.objectContaining({ code: 'UNAUTHENTICATED' })
    await expect(logout(gateway, { caller: { client: alice.client, session: null }, from })).rejects.toEqual(refused)
    await expect(logoutAll(gateway, { client: alice.client, from })).rejects.toEqual(refused)
    await expect(to(didOf('bob.test'))).rejects.toEqual(refused)
    expect(await remaining()).toHaveLength(2)
  })
})
