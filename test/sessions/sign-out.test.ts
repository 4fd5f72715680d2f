import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { logout, logoutAll, logoutTo } from '../../src/sessions/sign-out.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { formatSessionToken } from '../../src/sessions/token.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf, eventsOf, viewerOf } from '../support/builders.ts'
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
    bob = (await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })).session
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

  const request = (viewer = alice.viewer) => ({ viewer, client: CLIENT })
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
    await logout(gateway, request())
    await expectAllEnded('signed_out')
  })

  it('logoutAll does the same, and says how many there were', async () => {
    expect(await logoutAll(gateway, request())).toBe(2)
    await expectAllEnded('signed_out_everywhere')
  })

  it('logout of a developer token ends it alone', async () => {
    const token = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
    await logout(gateway, request(token.viewer))
    expect(await gateway.stores.db.session.count({ where: { id: token.session.id } })).toBe(0)
    expect(gateway.revoked).toEqual([token.session.grantId])
    expect(gateway.published).toEqual([])
    expect(await remaining()).toHaveLength(2)
  })

  it('logoutTo ends the one session and goes on as the other account', async () => {
    const next = await logoutTo(gateway, { ...request(), switchTo: didOf('bob.test') })
    expect(await viewerOf(gateway, formatSessionToken(next, { developer: false }))).toMatchObject({
      isReplaced: false,
      session: { id: bob.id, isActive: true },
    })
    expect(await remaining()).toEqual([bob.id])
    expect(await eventsOf(gateway, alice.session.id)).toEqual([event('signed_out', alice.session)])
    expect(await eventsOf(gateway, bob.id)).toEqual([])
    expect(gateway.revoked).toEqual([alice.session.grantId])
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} ACCOUNT_SWITCHED`])
  })

  it('logoutTo refuses the account that signs out and one that is not linked; nothing has ended then', async () => {
    const to = (switchTo: string) => logoutTo(gateway, { ...request(), switchTo })
    await expect(to(didOf('alice.test'))).rejects.toMatchObject({ code: 'ALREADY_ACTIVE' })
    await expect(to(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    expect(await remaining()).toHaveLength(2)
    expect([gateway.revoked, gateway.published]).toEqual([[], []])
  })

  it('is no developer token’s to do for a group', async () => {
    const { viewer } = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
    await expect(logoutAll(gateway, request(viewer))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(logoutTo(gateway, { ...request(viewer), switchTo: bob.did })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
  })

  it('is refused to a session that another tab has just replaced', async () => {
    await switchAccount(gateway, { ...request(), targetDid: didOf('bob.test') })
    await expect(logout(gateway, request())).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(logoutAll(gateway, request())).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(logoutTo(gateway, { ...request(), switchTo: bob.did })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await remaining()).toHaveLength(2)
  })
})
