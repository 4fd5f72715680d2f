import { EventEmitter } from 'node:events'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import { LRUCache } from 'lru-cache'
import { type Clock, HOUR } from '../../platform/clock.ts'
import { serviceUnavailable } from '../../platform/errors.ts'
import type { EphemeralStore } from './ephemeral-store.ts'

/** More than a gateway of one process has under way; what comes on top pushes out the oldest, so that memory is bounded. */
const MAX_ENTRIES = 100_000
const LONGEST_TTL = HOUR

/** The embedded ephemeral store: one process, nothing outlives it. */
export function createInProcessStore({ clock }: { clock: Clock }): EphemeralStore {
  const entries = new LRUCache<string, string>({
    max: MAX_ENTRIES,
    ttl: LONGEST_TTL,
    // Read the clock at each look-up: the cache's own memory of the present would not follow a moved clock.
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
      // No holder dies without its process here, so the time to live does not matter.
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
