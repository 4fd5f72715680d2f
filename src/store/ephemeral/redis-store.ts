import type { Redis } from 'ioredis'
import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore, LockOptions } from './ephemeral-store.ts'
import { limiterCounter } from './limiter-counter.ts'
import { createRedisChannels } from './redis-channels.ts'
import { connectRedis, translateOutage } from './redis-connection.ts'
import { createRedisLimiter } from './redis-limiter.ts'
import { RedisLock } from './redis-lock.ts'

type Options = {
  url: string
  /** Prefix of every key and channel, so that the server can be shared. */
  keyPrefix?: string
  logger: Pick<Logger, 'warn' | 'info'>
}

/**
 * The ephemeral store on Redis 6.2 or later, or Valkey. Waits until it is connected. If the server is unreachable,
 * returns anyway, and operations reject with SERVICE_UNAVAILABLE until the server is back.
 */
export async function createRedisStore({ url, keyPrefix = 'atgate:', logger }: Options): Promise<EphemeralStore> {
  const [commands, subscriptions] = await Promise.all([
    connectRedis(url, { keyPrefix, logger }),
    // A connection that subscribes can do nothing else. It has no logger: the other connection reports an outage.
    connectRedis(url, { autoResubscribe: false }),
  ])
  const channels = createRedisChannels(subscriptions)

  return {
    async set(key, value, { ttlMs }) {
      await translateOutage(() => commands.set(key, value, 'PX', Math.ceil(ttlMs)))
    },

    get: (key) => translateOutage(() => commands.get(key)),

    async delete(key) {
      await translateOutage(() => commands.del(key))
    },

    async withLock(key, options, work) {
      const lock = await translateOutage(() => acquire(commands, key, options, logger))
      try {
        return await work()
      } finally {
        // The work is done either way. A lock that cannot be released now expires by itself.
        await lock.release().catch(() => undefined)
      }
    },

    async publish(channel, message) {
      await translateOutage(() => commands.publish(keyPrefix + channel, message))
    },

    subscribe: (channel, listener) => channels.subscribe(keyPrefix + channel, listener),

    counter: (options) => limiterCounter(createRedisLimiter(commands, options)),

    async ping() {
      await translateOutage(() => commands.ping())
    },

    async close() {
      channels.close()
      commands.disconnect()
    },
  }
}

async function acquire(client: Redis, key: string, { ttlMs, waitMs }: LockOptions, logger: Options['logger']) {
  const lock = new RedisLock(client, key, {
    lockTimeout: ttlMs,
    // Two renewals may fail before the lock expires.
    refreshInterval: Math.ceil(ttlMs / 3),
    // With a timeout of 0 the library would not try even once.
    acquireTimeout: Math.max(waitMs, 10),
    onLockLost: (error) => logger.warn({ err: error, key }, 'lock lost while its holder was still working'),
  })
  await lock.acquire()
  return lock
}
