import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { unlinkAccount } from '../../src/sessions/unlink.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf, eventsOf, seenBy } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('unlinkAccount', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer
  let bob: Session

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    const groupId = alice.session.groupId ?? ''
    bob = (await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })).session
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const unlink = (did: string, as: Pick<BuiltViewer, 'viewer' | 'client'> = alice) =>
    unlinkAccount(gateway, { viewer: as.viewer, client: as.client, did, from: CLIENT })
  const isThere = async ({ id }: Session) => (await gateway.stores.db.session.count({ where: { id } })) === 1

  it('ends the other account’s session and leaves the viewer’s as it was', async () => {
    await unlink(didOf('bob.test'))
    expect(await isThere(bob)).toBe(false)
    expect((await seenBy(gateway, alice.token)).viewer.session).toEqual(alice.viewer.session)
    expect(await eventsOf(gateway, bob.id)).toEqual([
      { kind: 'signed_out', did: bob.did, sessionId: bob.id, ...CLIENT, detail: { by: alice.session.id } },
    ])
    expect(gateway.revoked).toEqual([bob.grantId])
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} ACCOUNT_REMOVED`])
  })

  it('refuses the viewer’s own account and one that is not linked', async () => {
    await expect(unlink(didOf('alice.test'))).rejects.toMatchObject({ code: 'ALREADY_ACTIVE' })
    await expect(unlink(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    expect([await isThere(alice.session), await isThere(bob)]).toEqual([true, true])
  })

  it('of the active account, by a tab that acts as another, puts nobody in its place', async () => {
    await unlink(didOf('alice.test'), await seenBy(gateway, alice.token, bob.did))
    expect([await isThere(alice.session), await isThere(bob)]).toEqual([false, true])
    await expect(seenBy(gateway, alice.token)).rejects.toThrow('acts as somebody')
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} SIGNED_OUT`])
  })

  it.each([
    ['UNAUTHENTICATED', null],
    ['ACCOUNT_CHANGED', didOf('alice.test')],
  ])('is refused with %s to one who was signed out meanwhile and had named %s', async (code, named) => {
    const acting = await seenBy(gateway, alice.token, named)
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await expect(unlink(didOf('bob.test'), acting)).rejects.toMatchObject({ code })
    expect(await isThere(bob)).toBe(true)
  })
})
