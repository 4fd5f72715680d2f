import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore, LockOptions } from './ephemeral-store.ts'
import { connectRedis, reachable } from './redis-connection.ts'
import { RedisLock } from './redis-lock.ts'

type Options = {
  url: string
  /** Put before every key and channel, so that the server can be shared. */
  keyPrefix?: string
  logger: Pick<Logger, 'warn' | 'info'>
}

/** A connection that only listens finds out by this that nobody is there any more. */
const HEARTBEAT = 2 * SECOND

/**
 * The ephemeral store on Redis 6.2 or later, or Valkey. Gives it once it is connected; when the server is away it
 * gives it all the same, and operations say so until the server is there.
 */
export async function createRedisStore({ url, keyPrefix = 'atgate:', logger }: Options): Promise<EphemeralStore> {
  const [commands, subscriptions] = await Promise.all([
    connectRedis(url, { keyPrefix, logger }),
    // A connection that subscribes can do nothing else. Of an outage the other one tells.
    connectRedis(url, {}),
  ])
  const channels = new EventEmitter().setMaxListeners(0)
  subscriptions.on('message', (channel: string, message: string) => channels.emit(channel, message))
  const heartbeat = setInterval(() => subscriptions.ping().catch(() => undefined), HEARTBEAT).unref()

  return {
    async set(key, value, { ttlMs }) {
      await reachable(() => commands.set(key, value, 'PX', Math.ceil(ttlMs)))
    },

    get: (key) => reachable(() => commands.get(key)),

    take: (key) => reachable(() => commands.getdel(key)),

    async withLock(key, options, work) {
      const lock = await reachable(() => acquire(commands, key, options, logger))
      try {
        return await work()
      } finally {
        // The work is done either way; a lock that cannot be let go of now falls by itself.
        await lock.release().catch(() => undefined)
      }
    },

    async publish(channel, message) {
      await reachable(() => commands.publish(keyPrefix + channel, message))
    },

    async subscribe(channel, listener) {
      const name = keyPrefix + channel
      channels.on(name, listener)
      try {
        await reachable(() => subscriptions.subscribe(name))
      } catch (error) {
        channels.off(name, listener)
        throw error
      }
      return async () => {
        channels.off(name, listener)
        if (channels.listenerCount(name) === 0) await reachable(() => subscriptions.unsubscribe(name))
      }
    },

    async ping() {
      await reachable(() => commands.ping())
    },

    async close() {
      clearInterval(heartbeat)
      channels.removeAllListeners()
      commands.disconnect()
      subscriptions.disconnect()
    },
  }
}

async function acquire(client: Redis, key: string, { ttlMs, waitMs }: LockOptions, logger: Options['logger']) {
  const lock = new RedisLock(client, key, {
    lockTimeout: ttlMs,
    // Two renewals may fail before the lock does.
    refreshInterval: Math.ceil(ttlMs / 3),
    // With nothing at all to wait, the library would not even try.
    acquireTimeout: Math.max(waitMs, 10),
    onLockLost: (error) => logger.warn({ err: error, key }, 'lock lost while its work went on'),
  })
  await lock.acquire()
  return lock
}
