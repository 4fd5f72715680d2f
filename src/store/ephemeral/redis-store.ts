import type { RedisPlace } from '../../config/redis-place.ts'
import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore } from './ephemeral-store.ts'
import { limiterCounter } from './limiter-counter.ts'
import { createRedisChannels } from './redis-channels.ts'
import { connectRedis, translateOutage } from './redis-connection.ts'
import { createRedisLimiter } from './redis-limiter.ts'

type Options = {
  place: RedisPlace
  /** Prefix of every key and channel, so that Redis can be shared. */
  keyPrefix?: string
  logger: Pick<Logger, 'warn' | 'info'>
}

/**
 * The ephemeral store on Redis 6.2 or later, or Valkey: one server, servers under Sentinel, or a cluster. Waits until it
 * is connected. If Redis is unreachable, returns anyway, and operations reject with SERVICE_UNAVAILABLE until it is
 * back.
 * @throws StartError when Redis refuses what is set
 */
export async function createRedisStore({ place, keyPrefix = 'atgate:', logger }: Options): Promise<EphemeralStore> {
  const { commands, subscriptions } = await connectRedis(place, { keyPrefix, logger })
  const channels = createRedisChannels(subscriptions)

  return {
    async set(key, value, { ttlMs }) {
      await translateOutage(() => commands.set(key, value, 'PX', Math.ceil(ttlMs)))
    },

    get: (key) => translateOutage(() => commands.get(key)),

    async delete(key) {
      await translateOutage(() => commands.del(key))
    },

    async publish(channel, message) {
      await translateOutage(() => commands.publish(keyPrefix + channel, message))
    },

    subscribe: (channel, listener) => channels.subscribe(keyPrefix + channel, listener),

    counter: (options) => limiterCounter(createRedisLimiter(commands, options)),

    async ping() {
      // A key, because any node of a cluster answers PING, even while the cluster takes no keys.
      await translateOutage(() => commands.exists('ping'))
    },

    async close() {
      channels.close()
      commands.disconnect()
    },
  }
}
