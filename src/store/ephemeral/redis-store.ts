import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore } from './ephemeral-store.ts'
import { limiterCounter } from './limiter-counter.ts'
import { createRedisChannels } from './redis-channels.ts'
import { connectRedis, translateOutage } from './redis-connection.ts'
import { createRedisLimiter } from './redis-limiter.ts'

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
