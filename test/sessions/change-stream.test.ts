import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { sessionChanges } from '../../src/sessions/change-stream.ts'
import { announce, type SessionChangeKind } from '../../src/sessions/changes.ts'
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

  /** The gateway over a store whose subscriptions can be counted, and held while they are under way. */
  function countSubscriptions() {
    const { ephemeral } = gateway.stores
    const asked = Promise.withResolvers<void>()
    const held = { until: Promise.resolve() }
    const unsubscribe = vi.fn<() => Promise<void>>(async () => undefined)
    const subscribe = vi.fn<typeof ephemeral.subscribe>(async (channel, listener) => {
      asked.resolve()
      await held.until
      const stop = await ephemeral.subscribe(channel, listener)
      return async () => {
        await unsubscribe()
        await stop()
      }
    })
    const over = { ...gateway, stores: { ...gateway.stores, ephemeral: { ...ephemeral, subscribe } } }
    return { over, subscribe, unsubscribe, asked: asked.promise, held }
  }

  it('end when their reader leaves, and give the place back once', async () => {
    const { over, unsubscribe } = countSubscriptions()
    const before = gateway.runtime.streams.open()
    const changes = await sessionChanges(over, alice.client)
    expect(gateway.runtime.streams.open()).toBe(before + 1)
    const next = changes.next()
    expect([await changes.return?.(), await changes.return?.(), await next]).toEqual([ENDED, ENDED, ENDED])
    await eventually(async () => unsubscribe.mock.calls.length > 0, 'it unsubscribes')
    expect(unsubscribe).toHaveBeenCalledTimes(1)
    expect(gateway.runtime.streams.open()).toBe(before)
  })

  it('end when their client goes, whatever it waits for', async () => {
    const { over, unsubscribe } = countSubscriptions()
    const gone: (() => void)[] = []
    const changes = await sessionChanges(over, alice.client, (listener) => void gone.push(listener))
    const next = changes.next()
    for (const each of gone) each()
    expect(await next).toEqual(ENDED)
    await eventually(async () => unsubscribe.mock.calls.length === 1, 'it unsubscribes')
  })

  it.each(['their client goes', 'the gateway closes'])(
    'are followed no longer when %s during the set-up',
    async (what) => {
      const { over, unsubscribe, asked, held } = countSubscriptions()
      const subscribed = Promise.withResolvers<void>()
      held.until = subscribed.promise
      const closing = new AbortController()
      const before = gateway.runtime.streams.open()
      const gone: (() => void)[] = []
      const opening = sessionChanges(
        { ...over, runtime: { ...over.runtime, closing: closing.signal } },
        alice.client,
        (listener) => void gone.push(listener),
      )
      await asked
      if (what === 'the gateway closes') closing.abort()
      else for (const each of gone) each()
      // The store has not answered yet, and nobody waits for it.
      expect(await (await opening).next()).toEqual(ENDED)
      expect(gateway.runtime.streams.open()).toBe(before)
      expect(unsubscribe).not.toHaveBeenCalled()
      subscribed.resolve()
      await eventually(async () => unsubscribe.mock.calls.length === 1, 'it unsubscribes')
    },
  )

  it('are over before they begin when the gateway has closed, or the client has gone', async () => {
    const closing = await openUnitGateway()
    closing.close()
    expect(await (await sessionChanges(closing, alice.client)).next()).toEqual(ENDED)
    const gone = await sessionChanges(gateway, alice.client, (listener) => listener())
    expect(await gone.next()).toEqual(ENDED)
  })

  it('cost the streams of a token one subscription together, and each change one look-up', async () => {
    const { over, subscribe, unsubscribe } = countSubscriptions()
    const findUnique = vi.fn(gateway.stores.db.clientToken.findUnique)
    over.stores.db = withMembers(gateway.stores.db, { clientToken: { findUnique } })
    const opened = await Promise.all(Array.from({ length: 20 }, () => sessionChanges(over, alice.client)))
    expect(subscribe).toHaveBeenCalledTimes(1)
    findUnique.mockClear()
    tell('ACCOUNT_ADDED')
    tell('ACCOUNT_REMOVED')
    for (const changes of opened) {
      expect([await changes.next(), await changes.next()].map(({ value }) => value)).toEqual([
        'ACCOUNT_ADDED',
        'ACCOUNT_REMOVED',
      ])
    }
    expect(findUnique).toHaveBeenCalledTimes(2)
    await Promise.all(opened.slice(1).map((changes) => changes.return?.()))
    expect(unsubscribe).not.toHaveBeenCalled()
    await opened[0]?.return?.()
    await eventually(async () => unsubscribe.mock.calls.length === 1, 'it unsubscribes')
  })

  it('come first and fail then, when the database is away at a change', async () => {
    const findUnique = vi.fn(gateway.stores.db.clientToken.findUnique)
    const db = withMembers(gateway.stores.db, { clientToken: { findUnique } })
    const changes = await sessionChanges({ ...gateway, stores: { ...gateway.stores, db } }, alice.client)
    findUnique.mockRejectedValue(new Error('no database'))
    tell('ACCOUNT_ADDED')
    expect(await changes.next()).toEqual({ value: 'ACCOUNT_ADDED', done: false })
    await expect(changes.next()).rejects.toThrow('no database')
    expect(await changes.next()).toEqual(ENDED)
  })

  it('from before the gateway closed are delivered', async () => {
    const closing = await openUnitGateway()
    const changes = await sessionChanges(closing, alice.client)
    announce(closing, { groupId, kind: 'SIGNED_OUT' })
    closing.close()
    expect([await changes.next(), await changes.next()]).toEqual([{ value: 'SIGNED_OUT', done: false }, ENDED])
  })

  it('fail, and give the place back, when the store is away', async () => {
    const { streams } = gateway.runtime
    const before = streams.open()
    const ephemeral = { ...gateway.stores.ephemeral, subscribe: () => Promise.reject(new Error('no store')) }
    const without = { ...gateway, stores: { ...gateway.stores, ephemeral } }
    await expect(sessionChanges(without, alice.client)).rejects.toThrow('no store')
    expect(streams.open()).toBe(before)
  })
})
