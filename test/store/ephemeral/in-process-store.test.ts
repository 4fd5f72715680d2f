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
})
