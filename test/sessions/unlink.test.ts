import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { switchAccount } from '../../src/sessions/switch.ts'
import { unlinkAccount } from '../../src/sessions/unlink.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf, eventsOf, viewerOf } from '../support/builders.ts'
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
    bob = (await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })).session
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const unlink = (did: string, viewer = alice.viewer) => unlinkAccount(gateway, { viewer, did, client: CLIENT })
  const isThere = async ({ id }: Session) => (await gateway.stores.db.session.count({ where: { id } })) === 1

  it('ends the other account’s session and leaves the viewer’s as it was', async () => {
    await unlink(didOf('bob.test'))
    expect(await isThere(bob)).toBe(false)
    expect(await viewerOf(gateway, alice.token)).toEqual(alice.viewer)
    expect(await eventsOf(gateway, bob.id)).toEqual([
      { kind: 'signed_out', did: bob.did, sessionId: bob.id, ...CLIENT, detail: { by: alice.session.id } },
    ])
    expect(gateway.revoked).toEqual([bob.grantId])
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} ACCOUNT_REMOVED`])
  })

  it('refuses the viewer’s own account, one that is not linked, and a developer token', async () => {
    await expect(unlink(didOf('alice.test'))).rejects.toMatchObject({ code: 'ALREADY_ACTIVE' })
    await expect(unlink(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    const { viewer } = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
    await expect(unlink(didOf('bob.test'), viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect([await isThere(alice.session), await isThere(bob)]).toEqual([true, true])
  })

  it('is refused to a session that another tab has just replaced', async () => {
    await switchAccount(gateway, { viewer: alice.viewer, targetDid: didOf('bob.test'), client: CLIENT })
    await expect(unlink(didOf('bob.test'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await isThere(bob)).toBe(true)
  })
})
