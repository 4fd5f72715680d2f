import { EventEmitter } from 'node:events'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import type { Clock } from '../../platform/clock.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import { BoundedEntries, OutOfSpace } from './bounded-entries.ts'
import type { EphemeralStore } from './ephemeral-store.ts'
import { InProcessLimiter } from './in-process-limiter.ts'
import { limiterCounter } from './limiter-counter.ts'

/** The ephemeral store of a single process. Nothing outlives the process. */
export function createInProcessStore({ clock }: { clock: Clock }): EphemeralStore {
  const entries = new BoundedEntries(clock)
  const mutexes = new Map<string, { mutex: Mutex; users: number }>()
  const channels = new EventEmitter().setMaxListeners(0)

  return {
    async set(key, value, { ttlMs }) {
      try {
        entries.set(key, value, ttlMs)
      } catch (error) {
        throw error instanceof OutOfSpace ? new StoreUnavailable('ephemeral store', error) : error
      }
    },

    async get(key) {
      return entries.get(key)
    },

    async delete(key) {
      entries.delete(key)
    },

    async withLock(key, { waitMs }, work) {
      // A holder dies only with the process, so the TTL does not matter here.
      const entry = mutexes.get(key) ?? { mutex: new Mutex(), users: 0 }
      mutexes.set(key, entry)
      entry.users++
      try {
        return await withTimeout(entry.mutex, waitMs).runExclusive(work)
      } catch (error) {
        throw error === E_TIMEOUT ? new StoreUnavailable('ephemeral store', error) : error
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

    counter: (options) => limiterCounter(new InProcessLimiter(options, clock)),

    async ping() {
      if (entries.isNearlyFull)
        throw new StoreUnavailable('ephemeral store', new OutOfSpace('hardly any space is left'))
    },

    async close() {
      entries.clear()
      channels.removeAllListeners()
    },
  }
}
