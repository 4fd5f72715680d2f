import { LRUCache } from 'lru-cache'
import type { Background } from '../../platform/background.ts'
import { type Clock, MINUTE, SECOND } from '../../platform/clock.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Refresher } from './refresh.ts'
import { GrantLost } from './rows.ts'

type Parts = {
  refresher: Pick<Refresher, 'tryRefresh'>
  background: Background
  clock: Clock
  logger: Pick<Logger, 'info' | 'warn'>
}

/** How long a process leaves a grant alone after an attempt: every request of a session asks. */
const BETWEEN_ATTEMPTS = 10 * SECOND

/** And after one that its server did not answer, which is not repeated before. */
const AFTER_NO_ANSWER = 1 * MINUTE

/** Refreshes grants in the background. The function that it gives returns at once and never throws. */
export function createRefreshSoon({ refresher, background, clock, logger }: Parts): (id: string) => void {
  const attempted = new LRUCache<string, true>({
    max: 10_000,
    ttl: BETWEEN_ATTEMPTS,
    ttlResolution: 0,
    perf: { now: clock },
  })

  async function attempt(id: string): Promise<void> {
    try {
      await refresher.tryRefresh({ id })
    } catch (error) {
      if (isUnanswered(error)) attempted.set(id, true, { ttl: AFTER_NO_ANSWER })
      logger[error instanceof GrantLost ? 'info' : 'warn']({ err: error, grantId: id }, 'grant not refreshed')
    }
  }

  return (id) => {
    if (attempted.has(id)) return
    attempted.set(id, true)
    background.add(attempt(id))
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'PDS_UNAVAILABLE'
}
