import type { Gateway } from '../gateway.ts'
import { SECOND } from '../platform/clock.ts'

type Parts = {
  stores: Pick<Gateway['stores'], 'ephemeral'>
  runtime: Pick<Gateway['runtime'], 'closing' | 'logger' | 'sessionCache'>
}

const CHANNEL = 'changed-ids'

/** How long after a failure the channel is subscribed to again. */
const BETWEEN_ATTEMPTS = 5 * SECOND

/**
 * Forgets what was read of groups, sessions, accounts and grants that have changed: here at once, and at the other
 * replicas as soon as they hear of it. That is a courtesy to the client that is told of a change and asks another
 * replica what it was: a replica that does not hear of it trusts what it has read for a second at most. Never throws.
 */
export function invalidate({ stores, runtime }: Parts, ids: readonly string[]): void {
  runtime.sessionCache.invalidate(ids)
  if (ids.length === 0) return
  stores.ephemeral
    .publish(CHANNEL, ids.join(' '))
    .catch((error: unknown) => runtime.logger.debug({ err: error }, 'changed ids not published'))
}

/** Forgets what other replicas have changed, as soon as they say so. Tries until it can subscribe. */
export async function followInvalidations({ stores, runtime }: Parts): Promise<void> {
  const hear = (message: string) => runtime.sessionCache.invalidate(message.split(' '))
  try {
    await stores.ephemeral.subscribe(CHANNEL, hear)
  } catch (error) {
    runtime.logger.debug({ err: error }, 'not subscribed to changed ids; tried again')
    const again = () => void followInvalidations({ stores, runtime })
    if (!runtime.closing.aborted) setTimeout(again, BETWEEN_ATTEMPTS).unref()
  }
}
