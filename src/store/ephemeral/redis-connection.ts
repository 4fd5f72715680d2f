import { once } from 'node:events'
import { Cluster, type Redis } from 'ioredis'
import type { RedisPlace } from '../../config/redis-place.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import { logAvailability } from '../availability.ts'
import { watchCluster } from './cluster-availability.ts'
import { CONNECT_TIMEOUT, openRedisClients, type RedisClient } from './redis-clients.ts'
import { explainRefusal, nodeError, withoutCommand } from './redis-refusals.ts'

type Options = {
  keyPrefix: string
  logger: Pick<Logger, 'warn' | 'info'>
}

/**
 * Opens what sends commands and what listens, and waits until both are ready. If Redis is unreachable, returns anyway,
 * and both keep connecting.
 * @throws StartError when Redis refuses what is set: the user, the password or the name of the master
 */
export async function connectRedis(
  place: RedisPlace,
  { keyPrefix, logger }: Options,
): Promise<{ commands: RedisClient; subscriptions: Redis }> {
  const { commands, openSubscriptions } = openRedisClients(place, keyPrefix)
  logOutages(commands, logger)
  const clients: RedisClient[] = [commands]
  try {
    await readyUnlessRefused(commands, place)
    const subscriptions = openSubscriptions()
    clients.push(subscriptions)
    // The other connection reports outages: this one would say the same.
    subscriptions.on('error', () => undefined)
    if (commands.status === 'ready') await readyUnlessRefused(subscriptions, place)
    return { commands, subscriptions }
  } catch (error) {
    for (const client of clients) client.disconnect()
    throw error
  }
}

function logOutages(client: RedisClient, logger: Options['logger']): void {
  const availability = logAvailability('ephemeral store', logger)
  if (client instanceof Cluster) watchCluster(client, availability)
  else {
    client.on('error', (error: Error) => availability.away(withoutCommand(error)))
    client.on('ready', () => availability.there())
  }
}

async function readyUnlessRefused(client: RedisClient, place: RedisPlace): Promise<void> {
  const refused = new Promise<never>((_resolve, reject) => {
    client.on('error', (error: Error) => {
      const refusal = explainRefusal(nodeError(error), place)
      if (refusal !== null) reject(refusal)
    })
  })
  refused.catch(() => undefined)
  const ready = once(client, 'ready', { signal: AbortSignal.timeout(CONNECT_TIMEOUT) }).catch(() => undefined)
  await Promise.race([ready, refused])
}

/**
 * Runs a Redis operation and translates its failure, whatever it is, to SERVICE_UNAVAILABLE. An absent key is no
 * failure.
 */
export async function translateOutage<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw new StoreUnavailable('ephemeral store', withoutCommand(error))
  }
}
