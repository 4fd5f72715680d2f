import { describe, expect, it } from 'vitest'
import type { EphemeralStore } from '../../../src/store/ephemeral/ephemeral-store.ts'
import { createInProcessStore } from '../../../src/store/ephemeral/in-process-store.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { ephemeralStoreContract } from './ephemeral-store.contract.ts'

describe('the in-process store', () => {
  ephemeralStoreContract(async () => {
    const clock = createMovableClock()
    const store = createInProcessStore({ clock })
    return { store, other: store, advance: async (ms) => clock.advance(ms), close: () => store.close() }
  })

  describe('in a flood', () => {
    const unavailable = { code: 'SERVICE_UNAVAILABLE' }
    const TTL = { ttlMs: 600_000 }
    const open = () => {
      const clock = createMovableClock()
      return { clock, store: createInProcessStore({ clock }) }
    }

    /** Stores entries until one is refused, or there are `most`. Returns how many the store took. */
    async function flood(store: EphemeralStore, { value = '', most = 100_001, ...ttl }: Flood = TTL): Promise<number> {
      for (let index = 0; index < most; index++) {
        try {
          await store.set(`flood-${index}`, value, ttl)
        } catch {
          return index
        }
      }
      return most
    }
    type Flood = { ttlMs: number; value?: string; most?: number }

    it('keeps what was there, and refuses what does not fit, in number', async () => {
      const { store } = open()
      await store.set('pending', 'mine', TTL)
      expect(await flood(store)).toBe(99_999)
      await expect(store.set('another', '', TTL)).rejects.toMatchObject(unavailable)
      expect(await store.get('pending')).toBe('mine')
      await store.delete('pending')
      await store.set('another', '', TTL)
    })

    it('keeps what was there, and refuses what does not fit, in bytes', async () => {
      const { store } = open()
      await store.set('pending', 'mine', TTL)
      const taken = await flood(store, { ...TTL, value: 'x'.repeat(1024 * 1024) })
      expect(taken).toBeGreaterThan(50)
      expect(taken).toBeLessThan(64)
      expect(await store.get('pending')).toBe('mine')
    })

    it('lets nothing new begin while there is still space for what has begun', async () => {
      const { store } = open()
      await flood(store, { ...TTL, most: 90_000 })
      await expect(store.ping()).rejects.toMatchObject(unavailable)
      await store.set('exchange', 'mine', TTL)
      expect(await store.get('exchange')).toBe('mine')
    })

    it('counts in a space of its own, which is bounded', async () => {
      const { store } = open()
      await flood(store)
      const counter = store.counter({ name: 'starts', points: 1, windowMs: 60_000 })
      expect(await counter.consume('first')).toBe(0)
      for (let index = 0; index < 50_000; index++) await counter.consume(`key-${index}`)
      expect(await counter.consume('key-49999')).toBeGreaterThan(0)
      // Forgotten, to the advantage of its owner.
      expect(await counter.consume('first')).toBe(0)
    })

    it('takes new entries when the others have expired, and counts one that is replaced once', async () => {
      const { clock, store } = open()
      await flood(store, { ttlMs: 5000 })
      await store.delete('flood-0')
      for (let times = 0; times < 3; times++) await store.set('pending', 'mine', TTL)
      await expect(store.set('another', '', TTL)).rejects.toMatchObject(unavailable)
      clock.advance(5000)
      await store.ping()
      expect(await flood(store)).toBe(99_999)
      expect(await store.get('pending')).toBe('mine')
    })
  })
})
