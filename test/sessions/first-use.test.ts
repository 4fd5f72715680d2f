import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { confirmFirstUse } from '../../src/sessions/first-use.ts'
import type { ClientToken, Session } from '../../src/store/sql/generated/client.ts'
import { aSession, aToken, CLIENT, eventsOf, type SessionOptions } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('the first use of a token', () => {
  let gateway: UnitGateway
  let alice: Session

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await build()
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  const parts = () => ({ db: gateway.stores.db, now: gateway.clock() })
  const build = async (options: SessionOptions = {}) => (await aSession(parts(), options)).session
  const unused = async (session: Session, options: Partial<ClientToken> = {}) =>
    (await aToken(parts(), session, { confirmedAt: null, ...options })).row
  const confirm = (token: ClientToken) => confirmFirstUse(gateway, { token, client: CLIENT })
  const isThere = async ({ id }: Session) => (await gateway.stores.db.session.count({ where: { id } })) === 1
  const replaced = ({ id, did }: Session, by: Session) => ({
    kind: 'session_replaced',
    did,
    sessionId: id,
    ...CLIENT,
    detail: { by: by.id },
  })

  it('ends the group that it replaces, whose clients are told', async () => {
    const bob = await build({ handle: 'bob.test', groupId: alice.groupId })
    const carol = await build({ handle: 'carol.test' })
    await confirm(await unused(carol, { replacesGroupId: alice.groupId }))
    expect([await isThere(alice), await isThere(bob), await isThere(carol)]).toEqual([false, false, true])
    for (const session of [alice, bob]) {
      expect(await eventsOf(gateway, session.id)).toEqual([replaced(session, carol)])
    }
    expect(gateway.revoked.toSorted()).toEqual([alice.grantId, bob.grantId].toSorted())
    expect(gateway.published).toEqual([`session-group:${alice.groupId} SIGNED_OUT`])
  })

  it('ends the older session of the account in its group, and tells the group of the account', async () => {
    const bob = await build({ handle: 'bob.test', groupId: alice.groupId })
    const again = await build({ groupId: alice.groupId })
    await confirm(await unused(again))
    expect([await isThere(alice), await isThere(bob), await isThere(again)]).toEqual([false, true, true])
    expect(await eventsOf(gateway, alice.id)).toEqual([replaced(alice, again)])
    expect(gateway.published).toEqual([`session-group:${alice.groupId} ACCOUNT_ADDED`])
  })

  it('leaves a session of the account alone that awaits the first use of a token of its own', async () => {
    const [first, second] = [await build({ groupId: alice.groupId }), await build({ groupId: alice.groupId })]
    const [firstToken, secondToken] = [await unused(first), await unused(second)]
    await confirm(secondToken)
    expect([await isThere(alice), await isThere(first), await isThere(second)]).toEqual([false, true, true])
    await confirm(firstToken)
    expect([await isThere(first), await isThere(second)]).toEqual([true, false])
  })

  it('happens once: a second one changes nothing', async () => {
    const token = await unused(alice, { activatesDid: 'did:web:bob.test' })
    await confirm(token)
    await gateway.stores.db.sessionGroup.update({ where: { id: token.groupId }, data: { activeDid: alice.did } })
    const later = await unused(await build({ groupId: alice.groupId, handle: 'carol.test' }))
    await confirm(later)
    gateway.published.length = 0
    await confirm(token)
    expect(await gateway.stores.db.sessionGroup.findUnique({ where: { id: token.groupId } })).toMatchObject({
      activeDid: alice.did,
    })
    expect(gateway.published).toEqual([])
  })

  it('of a session that has ended meanwhile ends no other, and puts nobody in its place', async () => {
    const bob = await build({ handle: 'bob.test', groupId: alice.groupId })
    const token = await unused(bob, { activatesDid: bob.did })
    await gateway.stores.db.session.delete({ where: { id: bob.id } })
    await confirm(token)
    expect(await isThere(alice)).toBe(true)
    expect(await gateway.stores.db.sessionGroup.findUnique({ where: { id: token.groupId } })).toMatchObject({
      activeDid: bob.did,
    })
  })

  it('after the end of its group does nothing', async () => {
    const token = await unused(alice)
    await gateway.stores.db.session.delete({ where: { id: alice.id } })
    await gateway.stores.db.sessionGroup.delete({ where: { id: token.groupId } })
    await confirm(token)
    expect(gateway.published).toEqual([])
  })
})
