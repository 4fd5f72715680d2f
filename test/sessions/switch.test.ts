import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { switchAccount } from '../../src/sessions/switch.ts'
import { formatSessionToken } from '../../src/sessions/token.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf, eventsOf, viewerOf } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('switchAccount', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer
  let bobId: string

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    const groupId = alice.session.groupId ?? ''
    bobId = (await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })).session.id
  })

  const switchTo = (targetDid: string, viewer = alice.viewer) =>
    switchAccount(gateway, { viewer, targetDid, client: CLIENT })

  it('gives a token of the other account, which is then the active one', async () => {
    const token = formatSessionToken(await switchTo(didOf('bob.test')), { developer: false })
    expect(await viewerOf(gateway, token)).toMatchObject({ isReplaced: false, session: { id: bobId, isActive: true } })
    expect(await viewerOf(gateway, alice.token)).toMatchObject({ isReplaced: true, session: { isActive: false } })
  })

  it('records the switch and tells the group of it', async () => {
    await switchTo(didOf('bob.test'))
    expect(await eventsOf(gateway, bobId)).toEqual([
      { kind: 'account_switched', did: didOf('bob.test'), sessionId: bobId, ...CLIENT, detail: null },
    ])
    expect(gateway.published).toContain(`session-group:${alice.session.groupId} ACCOUNT_SWITCHED`)
    expect(gateway.revoked).not.toContain(alice.session.grantId)
  })

  it('refuses the active account, one that is not linked or has expired, and a developer token', async () => {
    await expect(switchTo(didOf('alice.test'))).rejects.toMatchObject({ code: 'ALREADY_ACTIVE' })
    await expect(switchTo(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    await gateway.stores.db.session.update({ where: { id: bobId }, data: { expiresAt: new Date(gateway.clock() - 1) } })
    await expect(switchTo(didOf('bob.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    const token = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
    await expect(switchTo(didOf('bob.test'), token.viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await viewerOf(gateway, alice.token)).toMatchObject({ isReplaced: false })
  })

  it('refuses one whose secret another tab has just replaced', async () => {
    await switchTo(didOf('bob.test'))
    await expect(switchTo(didOf('bob.test'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
