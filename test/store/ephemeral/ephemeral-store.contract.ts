import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EphemeralStore } from '../../../src/store/ephemeral/ephemeral-store.ts'

/** A store under test: two clients of it, as two replicas have, and a way to let time pass. */
export type Harness = {
  store: EphemeralStore
  other: EphemeralStore
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const TTL = { ttlMs: 10_000 }

/** What every ephemeral store must do. */
export function ephemeralStoreContract(open: () => Promise<Harness>): void {
  let harness: Harness
  let store: EphemeralStore
  let other: EphemeralStore
  let serial = 0
  const newKey = () => `key-${++serial}`

  beforeAll(async () => {
    harness = await open()
    store = harness.store
    other = harness.other
  })
  afterAll(() => harness.close())

  describe('values', () => {
    it('are null until set, and seen by every client', async () => {
      const key = newKey()
      expect(await store.get(key)).toBeNull()
      await store.set(key, 'value', TTL)
      expect(await other.get(key)).toBe('value')
      await other.set(key, 'other', TTL)
      expect(await store.get(key)).toBe('other')
    })

    it('expire, each after its own time', async () => {
      const [short, long] = [newKey(), newKey()]
      await store.set(short, 'short', { ttlMs: 1000 })
      await store.set(long, 'long', { ttlMs: 60_000 })
      await harness.advance(1001)
      expect(await store.get(short)).toBeNull()
      expect(await store.get(long)).toBe('long')
    })

    it('live anew from when they are set anew', async () => {
      const key = newKey()
      await store.set(key, 'first', { ttlMs: 1000 })
      await harness.advance(600)
      await store.set(key, 'second', { ttlMs: 1000 })
      await harness.advance(600)
      expect(await store.get(key)).toBe('second')
    })

    it('are gone for every client once one deletes them, which may be done again', async () => {
      const key = newKey()
      await store.set(key, 'value', TTL)
      await store.delete(key)
      expect(await other.get(key)).toBeNull()
      await other.delete(key)
    })

    it('may be anything that a text can be', async () => {
      const key = newKey()
      for (const value of ['', '{"a":"ü€😀"}', 'x'.repeat(100_000)]) {
        await store.set(key, value, TTL)
        expect(await store.get(key)).toBe(value)
      }
    })
  })

  describe('counters', () => {
    const COUNTER = { points: 3, windowMs: 60_000 }
    const open = () => {
      const options = { ...COUNTER, name: newKey() }
      return [store.counter(options), other.counter(options)] as const
    }

    it('count each key, and say how long it is too much', async () => {
      const [counter] = open()
      for (let times = 0; times < 3; times++) expect(await counter.consume('one')).toBe(0)
      expect(await counter.consume('one')).toBeGreaterThan(59_000)
      expect(await counter.consume('one')).toBeLessThanOrEqual(60_000)
      expect(await counter.consume('other')).toBe(0)
    })

    it('do not take each other’s keys', async () => {
      const [counter] = open()
      await Promise.all([1, 2, 3, 4].map(() => counter.consume('one')))
      const [another] = open()
      expect(await another.consume('one')).toBe(0)
    })

    it('count what comes at the same instant', async () => {
      const [counter] = open()
      const waits = await Promise.all(Array.from({ length: 20 }, () => counter.consume('one')))
      expect(waits.filter((wait) => wait === 0)).toHaveLength(3)
    })

    it('begin anew when the window has ended, which further counts do not put off', async () => {
      const [counter] = open()
      for (let times = 0; times < 4; times++) await counter.consume('one')
      await harness.advance(59_000)
      expect(await counter.consume('one')).toBeGreaterThan(0)
      await harness.advance(1001)
      expect(await counter.consume('one')).toBe(0)
    })
  })

  describe('messages', () => {
    it('reach every subscriber of the channel on every client, and nobody else', async () => {
      const channel = newKey()
      const heard: string[] = []
      const stops = [
        await store.subscribe(channel, (message) => heard.push(`one ${message}`)),
        await other.subscribe(channel, (message) => heard.push(`two ${message}`)),
        await other.subscribe(newKey(), (message) => heard.push(`wrong ${message}`)),
      ]
      await store.publish(channel, 'hello')
      await expect.poll(() => heard.toSorted()).toEqual(['one hello', 'two hello'])

      await stops[0]?.()
      await store.publish(channel, 'again')
      await expect.poll(() => heard).toContain('two again')
      expect(heard).not.toContain('one again')
      for (const stop of stops.slice(1)) await stop()
    })

    it('reach who begins to listen while another one stops', async () => {
      const channel = newKey()
      const heard: string[] = []
      const stop = await store.subscribe(channel, () => undefined)
      const [, stopAgain] = await Promise.all([stop(), store.subscribe(channel, (message) => heard.push(message))])
      await stop()
      await other.publish(channel, 'hello')
      await expect.poll(() => heard).toEqual(['hello'])
      await stopAgain()
    })
  })

  it('answers a ping', async () => {
    await expect(store.ping()).resolves.toBeUndefined()
  })
}
