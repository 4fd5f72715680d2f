import type { RedisPlace } from '../../config/redis-place.ts'
import { StartError } from '../../platform/start-error.ts'
import { respCode } from './redis-clients.ts'

/** What a server says that will not take the user or the password. */
const NOT_ADMITTED = ['WRONGPASS', 'NOAUTH', 'NOPERM']

/** How ioredis reports that no Sentinel was of use: the reply of the last one stands in its message alone. */
const FROM_SENTINEL = /^All sentinels are unreachable.*? Last error: (?<reply>.*)$/s

/**
 * Says why Redis refuses what is set, in a reply that no time will change.
 * @returns null for everything else, such as an outage
 */
export function explainRefusal(error: Error, place: RedisPlace): StartError | null {
  const reply = place.kind === 'sentinel' ? FROM_SENTINEL.exec(error.message)?.groups?.reply : undefined
  const reason = reply === undefined ? ofServer(error) : ofSentinel(reply)
  return reason === null ? null : new StartError(reason, { cause: withoutCommand(error) })
}

function ofServer(error: Error): string | null {
  if (NOT_ADMITTED.includes(respCode(error.message)))
    return 'Redis refuses the user or the password in REDIS_URL. Check both, and that they may use every command.'
  if (error.message === 'ERR This instance has cluster support disabled')
    return 'The Redis in REDIS_URL is no cluster. Write redis:// for a single server.'
  return null
}

function ofSentinel(reply: string): string | null {
  if (NOT_ADMITTED.includes(respCode(reply)))
    return 'The Sentinels in REDIS_URL refuse the password, or need one. Check REDIS_SENTINEL_PASSWORD.'
  if (reply === 'ERR No such master with that name')
    return 'The Sentinels in REDIS_URL know no master of the name at its end. Check it against their sentinel.conf.'
  return null
}

/** The failure of a node, where a cluster was asked and none of its nodes could answer; otherwise the error itself. */
export function nodeError(error: Error): Error {
  return 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : error
}

/**
 * Removes the failed command, which ioredis attaches to its errors. It would log keys, values, and the password of an
 * AUTH.
 */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}
