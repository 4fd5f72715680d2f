import { LRUCache } from 'lru-cache'
import type { Background } from '../../platform/background.ts'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Refresher } from './refresh.ts'
import { GrantLost } from './rows.ts'

type Parts = {
  refresher: Pick<Refresher, 'tryRefresh'>
  background: Background
  logger: Pick<Logger, 'info' | 'warn'>
}

/** How long a process leaves a grant alone after an attempt: every request of a session asks. */
const BETWEEN_ATTEMPTS = 10 * SECOND

/** Refreshes grants in the background. The function that it gives returns at once and never throws. */
export function createRefreshSoon({ refresher, background, logger }: Parts): (id: string) => void {
  const attempted = new LRUCache<string, true>({ max: 10_000, ttl: BETWEEN_ATTEMPTS })

  async function attempt(id: string): Promise<void> {
    try {
      await refresher.tryRefresh({ id })
    } catch (error) {
      logger[error instanceof GrantLost ? 'info' : 'warn']({ err: error, grantId: id }, 'grant not refreshed')
    }
  }

  return (id) => {
    if (attempted.has(id)) return
    attempted.set(id, true)
    background.add(attempt(id))
  }
}
