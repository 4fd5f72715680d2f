import { EventEmitter } from 'node:events'
import type { Clock } from '../../platform/clock.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import { BoundedEntries, OutOfSpace } from './bounded-entries.ts'
import type { EphemeralStore } from './ephemeral-store.ts'
import { InProcessLimiter } from './in-process-limiter.ts'
import { limiterCounter } from './limiter-counter.ts'

/** The ephemeral store of a single process. Nothing outlives the process. */
export function createInProcessStore({ clock }: { clock: Clock }): EphemeralStore {
  const entries = new BoundedEntries(clock)
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
