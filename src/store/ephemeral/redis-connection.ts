import { once } from 'node:events'
import { Redis, type RedisOptions } from 'ioredis'
import { SECOND } from '../../platform/clock.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import { StartError } from '../../platform/start-error.ts'
import { logAvailability, UNWATCHED } from '../availability.ts'

/** A command fails within seconds while the server is unreachable. The client reconnects by itself. */
const OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 3 * SECOND,
  commandTimeout: 2 * SECOND,
  // Without this, a server that disappears without closing the connection is noticed when TCP gives up, after 15
  // minutes.
  socketTimeout: 3 * SECOND,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, SECOND),
  // After a failover the old primary may still respond, as a replica, while its name already resolves to the new one.
  reconnectOnError: (error: Error) => respCode(error) === 'READONLY',
} satisfies RedisOptions

type ConnectionOptions = {
  keyPrefix?: string
  autoResubscribe?: boolean
  logger?: Pick<Logger, 'warn' | 'info'>
}

/** What a server says that will not take the user or the password: no time will change that. */
const REFUSALS = ['WRONGPASS', 'NOAUTH', 'NOPERM']

/**
 * Opens a connection and waits until it is ready. If the server is unreachable, returns anyway and keeps reconnecting.
 * @throws StartError when the server refuses the user or the password
 */
export async function connectRedis(url: string, { logger, ...options }: ConnectionOptions): Promise<Redis> {
  const client = new Redis(url, { ...OPTIONS, ...options })
  const availability = logger === undefined ? UNWATCHED : logAvailability('ephemeral store', logger)
  client.on('error', (error: Error) => availability.away(withoutCommand(error)))
  client.on('ready', () => availability.there())
  const refused = new Promise<never>((_resolve, reject) => {
    client.on('error', (error: Error) => {
      if (REFUSALS.includes(respCode(error) ?? '')) reject(new StartError(REFUSED, { cause: withoutCommand(error) }))
    })
  })
  const ready = once(client, 'ready', { signal: AbortSignal.timeout(OPTIONS.connectTimeout) }).catch(() => undefined)
  try {
    await Promise.race([ready, refused])
  } catch (error) {
    client.disconnect()
    throw error
  } finally {
    refused.catch(() => undefined)
  }
  return client
}

const REFUSED = 'Redis refuses the user or the password in REDIS_URL. Check both, and that they may use every command.'

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

/** The error code in a server's reply: in RESP it is the first word of the message. */
function respCode({ message }: Error): string | undefined {
  return message.split(' ', 1)[0]
}

/**
 * Removes the failed command, which ioredis attaches to its errors. It would log keys, values, and the password of an
 * AUTH.
 */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}
