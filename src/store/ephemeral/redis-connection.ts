import { once } from 'node:events'
import { Redis, type RedisOptions } from 'ioredis'
import { SECOND } from '../../platform/clock.ts'
import { serviceUnavailable } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'

/** A command fails within seconds when the server is away, and the connection comes back by itself when it is not. */
const OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 3 * SECOND,
  commandTimeout: 2 * SECOND,
  // A server that went away without a word is otherwise waited for until the operating system gives up: a quarter of an hour.
  socketTimeout: 3 * SECOND,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, SECOND),
  // After a failover the old primary may go on answering, as a replica, while its name leads to the new one already.
  reconnectOnError: (error: Error) => respCode(error) === 'READONLY',
} satisfies RedisOptions

type ConnectionOptions = { keyPrefix?: string; logger?: Pick<Logger, 'warn' | 'info'> }

/** Opens a connection, and gives it once it is ready; when the server is away it gives it all the same, and goes on trying. */
export async function connectRedis(url: string, { keyPrefix = '', logger }: ConnectionOptions): Promise<Redis> {
  const client = new Redis(url, { ...OPTIONS, keyPrefix })
  reportOutages(client, logger)
  await once(client, 'ready', { signal: AbortSignal.timeout(OPTIONS.connectTimeout) }).catch(() => undefined)
  return client
}

/** Whatever goes wrong between us and the server means that it cannot be used now; that a key is absent is no error. */
export async function reachable<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw serviceUnavailable('ephemeral store', withoutCommand(error))
  }
}

/** One line when it goes and one when it is back, not one for each attempt between. */
function reportOutages(client: Redis, logger: ConnectionOptions['logger']): void {
  let away = false
  client.on('error', (error: Error) => {
    if (!away) logger?.warn({ err: withoutCommand(error) }, 'ephemeral store not reachable')
    away = true
  })
  client.on('ready', () => {
    if (away) logger?.info('ephemeral store reachable again')
    away = false
  })
}

/** The first word of what the server refuses with; RESP has no other place for it. */
function respCode({ message }: Error): string | undefined {
  return message.split(' ', 1)[0]
}

/** ioredis puts the refused command on its errors, and errors are logged: keys, values, and the password of an AUTH. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}
