import { describe, expect, it } from 'vitest'
import { createInProcessStore } from '../../../src/store/ephemeral/in-process-store.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { ephemeralStoreContract } from './ephemeral-store.contract.ts'

describe('the in-process store', () => {
  ephemeralStoreContract(async () => {
    const clock = createMovableClock()
    const store = createInProcessStore({ clock })
    return { store, other: store, advance: async (ms) => clock.advance(ms), close: () => store.close() }
  })

  it('bounds its memory: a flood pushes the oldest out', async () => {
    const store = createInProcessStore({ clock: createMovableClock() })
    for (let index = 0; index <= 100_000; index++) await store.set(`key-${index}`, '', { ttlMs: 10_000 })
    expect(await store.get('key-0')).toBeNull()
    expect(await store.get('key-100000')).toBe('')
  })

  it('keeps a lock from those who come when its holder has gone and the next one works', async () => {
    const store = createInProcessStore({ clock: createMovableClock() })
    const order: string[] = []
    const hold = (name: string, gate: Promise<void>) =>
      store.withLock('key', { ttlMs: 1000, waitMs: 1000 }, async () => {
        order.push(`${name} begins`)
        await gate
        order.push(`${name} ends`)
      })
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const holders = [hold('first', first.promise), hold('second', second.promise)]
    first.resolve()
    await holders[0]
    holders.push(hold('third', Promise.resolve()))
    // Longer than a lock that is free takes.
    await new Promise((resolve) => setImmediate(resolve))
    second.resolve()
    await Promise.all(holders)
    expect(order).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]))
  })
})
