import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { switchAccount } from '../../src/sessions/switch.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf, eventsOf, seenBy } from '../support/builders.ts'
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
    bobId = (await build({ handle: 'bob.test' })).session.id
    gateway.published.length = 0
  })

  const build = (options: object) =>
    aSession({ db: gateway.stores.db, now: gateway.clock() }, { groupId: alice.session.groupId, ...options })
  const switchTo = (targetDid: string) => switchAccount(gateway, { client: alice.client, targetDid, from: CLIENT })
  const group = () => gateway.stores.db.sessionGroup.findUnique({ where: { id: alice.client.group.id } })

  it('makes the other account the active one, under the same token', async () => {
    expect(await switchTo(didOf('bob.test'))).toMatchObject({ id: bobId })
    const { viewer, client } = await seenBy(gateway, alice.token)
    expect(viewer.session.id).toBe(bobId)
    expect(client.token).toEqual(alice.client.token)
    expect(client.group.version).toBe(1)
  })

  it('records the switch and tells the group of it', async () => {
    await switchTo(didOf('bob.test'))
    expect(await eventsOf(gateway, bobId)).toEqual([
      { kind: 'account_switched', did: didOf('bob.test'), sessionId: bobId, ...CLIENT, detail: null },
    ])
    expect(gateway.published).toEqual([`session-group:${alice.session.groupId} ACCOUNT_SWITCHED`])
  })

  it('to the active account succeeds and changes nothing', async () => {
    const before = await group()
    expect(await switchTo(didOf('alice.test'))).toMatchObject({ id: alice.session.id })
    expect(await group()).toEqual(before)
    expect(await eventsOf(gateway, alice.session.id)).toEqual([])
    expect(gateway.published).toEqual([])
  })

  it('works where the active account has ended', async () => {
    await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
    await switchTo(didOf('bob.test'))
    expect((await seenBy(gateway, alice.token)).viewer.session.id).toBe(bobId)
  })

  it('refuses one that is not linked, has expired, or is not reached by the token', async () => {
    await expect(switchTo(didOf('carol.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    await gateway.stores.db.session.update({ where: { id: bobId }, data: { expiresAt: new Date(gateway.clock() - 1) } })
    await expect(switchTo(didOf('bob.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    await build({ handle: 'dan.test', authenticatedAt: new Date(gateway.clock() + 60_000) })
    await expect(switchTo(didOf('dan.test'))).rejects.toMatchObject({ code: 'ACCOUNT_NOT_LINKED' })
    expect((await group())?.activeDid).toBe(didOf('alice.test'))
  })

  it('refuses a client whose token has ended meanwhile', async () => {
    await gateway.stores.db.clientToken.delete({ where: { id: alice.client.token.id } })
    await expect(switchTo(didOf('bob.test'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await group())?.activeDid).toBe(didOf('alice.test'))
  })
})
