import { EventEmitter } from 'node:events'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import { LRUCache } from 'lru-cache'
import { type Clock, HOUR } from '../../platform/clock.ts'
import { serviceUnavailable } from '../../platform/errors.ts'
import type { EphemeralStore } from './ephemeral-store.ts'

/** More than one process ever has pending. Further entries evict the least recently used, so that memory is bounded. */
const MAX_ENTRIES = 100_000
const LONGEST_TTL = HOUR

/** The ephemeral store of a single process. Nothing outlives the process. */
export function createInProcessStore({ clock }: { clock: Clock }): EphemeralStore {
  const entries = new LRUCache<string, string>({
    max: MAX_ENTRIES,
    ttl: LONGEST_TTL,
    // Read the clock at each look-up. The cache otherwise remembers the time, and does not follow a clock that a test
    // moves.
    ttlResolution: 0,
    perf: { now: clock },
  })
  const mutexes = new Map<string, { mutex: Mutex; users: number }>()
  const channels = new EventEmitter().setMaxListeners(0)

  return {
    async set(key, value, { ttlMs }) {
      entries.set(key, value, { ttl: ttlMs })
    },

    async get(key) {
      return entries.get(key) ?? null
    },

    async take(key) {
      const value = entries.get(key) ?? null
      entries.delete(key)
      return value
    },

    async withLock(key, { waitMs }, work) {
      // A holder dies only with the process, so the TTL does not matter here.
      const entry = mutexes.get(key) ?? { mutex: new Mutex(), users: 0 }
      mutexes.set(key, entry)
      entry.users++
      try {
        return await withTimeout(entry.mutex, waitMs).runExclusive(work)
      } catch (error) {
        throw error === E_TIMEOUT ? serviceUnavailable('ephemeral store', error) : error
      } finally {
        entry.users--
        if (entry.users === 0) mutexes.delete(key)
      }
    },

    async publish(channel, message) {
      channels.emit(channel, message)
    },

    async subscribe(channel, listener) {
      channels.on(channel, listener)
      return async () => void channels.off(channel, listener)
    },

    async ping() {},

    async close() {
      entries.clear()
      channels.removeAllListeners()
    },
  }
}
