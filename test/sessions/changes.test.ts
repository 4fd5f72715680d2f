import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { announce, type SessionChangeKind, sessionChanges } from '../../src/sessions/changes.ts'
import { logoutAll } from '../../src/sessions/sign-out.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { aSession, aViewer, type BuiltViewer, CLIENT, didOf } from '../support/builders.ts'
import { withMembers } from '../support/faults.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

describe('session changes', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer
  let groupId: string

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await aViewer(gateway)
    groupId = alice.session.groupId ?? ''
  })

  const tell = (kind: SessionChangeKind, id = groupId) => announce(gateway, { groupId: id, kind })
  const ENDED = { value: undefined, done: true }

  it('come in their order, those of the group alone', async () => {
    const changes = await sessionChanges(gateway, alice.client)
    tell('ACCOUNT_ADDED')
    tell('SIGNED_OUT', 'another group')
    tell('SCOPES_UPGRADED')
    expect([await changes.next(), await changes.next()]).toEqual([
      { value: 'ACCOUNT_ADDED', done: false },
      { value: 'SCOPES_UPGRADED', done: false },
    ])
    await changes.return?.()
  })

  it('go on when another account becomes the active one', async () => {
    const changes = await sessionChanges(gateway, alice.client)
    await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })
    await switchAccount(gateway, { client: alice.client, targetDid: didOf('bob.test'), from: CLIENT })
    expect(await changes.next()).toEqual({ value: 'ACCOUNT_SWITCHED', done: false })
    tell('ACCOUNT_REMOVED')
    expect(await changes.next()).toEqual({ value: 'ACCOUNT_REMOVED', done: false })
    await changes.return?.()
  })

  it('can be iterated, and end with the one after which the token has ended', async () => {
    const changes = await sessionChanges(gateway, alice.client)
    await logoutAll(gateway, { client: alice.client, from: CLIENT })
    const kinds: string[] = []
    for await (const kind of changes) kinds.push(kind)
    expect(kinds).toEqual(['SIGNED_OUT'])
    expect(await changes.next()).toEqual(ENDED)
  })

  it('end with the token, when a newer one of its group is in use', async () => {
    const changes = await sessionChanges(gateway, alice.client)
    const endsAt = new Date(gateway.clock() + 100)
    await gateway.stores.db.clientToken.update({ where: { id: alice.client.token.id }, data: { endsAt } })
    tell('ACCOUNT_ADDED')
    expect(await changes.next()).toEqual({ value: 'ACCOUNT_ADDED', done: false })
    expect(await changes.next()).toEqual(ENDED)
  })

  it('end after an hour, and are asked for again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const changes = await sessionChanges(gateway, alice.client)
      const next = changes.next()
      vi.advanceTimersByTime(60 * 60_000 - 1)
      tell('ACCOUNT_ADDED')
      expect(await next).toEqual({ value: 'ACCOUNT_ADDED', done: false })
      const last = changes.next()
      vi.advanceTimersByTime(60 * 60_000)
      expect(await last).toEqual(ENDED)
    } finally {
      vi.useRealTimers()
    }
  })

  it('say so at once when the group was changed, or has ended, before anybody listened', async () => {
    await gateway.stores.db.sessionGroup.update({ where: { id: groupId }, data: { version: 1 } })
    const changed = await sessionChanges(gateway, alice.client)
    expect(await changed.next()).toEqual({ value: 'ACCOUNT_SWITCHED', done: false })
    await changed.return?.()
    await gateway.stores.db.clientToken.deleteMany({ where: { groupId } })
    const ended = await sessionChanges(gateway, alice.client)
    expect(await ended.next()).toEqual({ value: 'SIGNED_OUT', done: false })
    expect(await ended.next()).toEqual(ENDED)
  })

  it('leave out a kind that a newer replica announces', async () => {
    const changes = await sessionChanges(gateway, alice.client)
    await gateway.stores.ephemeral.publish(`session-group:${groupId}`, 'SOMETHING_NEW')
    tell('ACCOUNT_REMOVED')
    expect(await changes.next()).toEqual({ value: 'ACCOUNT_REMOVED', done: false })
    await changes.return?.()
  })

  it('end for one who waits when the gateway closes', async () => {
    const closing = await openUnitGateway()
    const changes = await sessionChanges(closing, alice.client)
    const next = changes.next()
    closing.close()
    expect(await next).toEqual(ENDED)
  })

  it('end when the client leaves, whose subscription ends once', async () => {
    const unsubscribe = vi.fn(async () => undefined)
    const ephemeral = { ...gateway.stores.ephemeral, subscribe: async () => unsubscribe }
    const changes = await sessionChanges({ ...gateway, stores: { ...gateway.stores, ephemeral } }, alice.client)
    const next = changes.next()
    expect(await changes.return?.()).toEqual(ENDED)
    expect(await next).toEqual(ENDED)
    expect(unsubscribe).toHaveBeenCalledTimes(1)
  })

  it('end without complaint when the store is away that would have to end the subscription', async () => {
    const unsubscribe = () => Promise.reject(new Error('no store'))
    const ephemeral = { ...gateway.stores.ephemeral, subscribe: async () => unsubscribe }
    const changes = await sessionChanges({ ...gateway, stores: { ...gateway.stores, ephemeral } }, alice.client)
    expect(await changes.return?.()).toEqual(ENDED)
  })

  it('fail with the database when it is away at a change, and end', async () => {
    const findUnique = vi.fn(() =>
      gateway.stores.db.clientToken.findUnique({
        where: { id: alice.client.token.id },
        include: { group: { include: { sessions: true } } },
      }),
    )
    const db = withMembers(gateway.stores.db, { clientToken: { findUnique } })
    const changes = await sessionChanges({ ...gateway, stores: { ...gateway.stores, db } }, alice.client)
    findUnique.mockRejectedValue(new Error('no database'))
    tell('ACCOUNT_ADDED')
    await expect(changes.next()).rejects.toThrow('no database')
    expect(await changes.next()).toEqual(ENDED)
  })

  it('give their place back once, when the subscription fails or has ended', async () => {
    const { streams } = gateway.runtime
    const before = streams.open()
    const ephemeral = { ...gateway.stores.ephemeral, subscribe: () => Promise.reject(new Error('no store')) }
    const without = { ...gateway, stores: { ...gateway.stores, ephemeral } }
    await expect(sessionChanges(without, alice.client)).rejects.toThrow('no store')
    expect(streams.open()).toBe(before)
    const changes = await sessionChanges(gateway, alice.client)
    expect(streams.open()).toBe(before + 1)
    await changes.return?.()
    await changes.return?.()
    expect(streams.open()).toBe(before)
  })

  it('that cannot be announced are logged, and fail nobody', async () => {
    const publish = () => Promise.reject(new Error('no store'))
    const ephemeral = { ...gateway.stores.ephemeral, publish }
    announce({ ...gateway, stores: { ...gateway.stores, ephemeral } }, { groupId, kind: 'SIGNED_OUT' })
    const line = () => gateway.logLines.find((each) => each.includes('session change not announced'))
    await eventually(async () => line() !== undefined, 'it is logged')
    expect(line()).toMatch(/"level":40.*no store.*SIGNED_OUT/)
  })
})
