import { GrantLost } from '../atproto/grants/rows.ts'
import type { Gateway } from '../gateway.ts'
import { StoreUnavailable } from '../platform/errors.ts'
import { inParallel } from '../platform/in-parallel.ts'

/** How many are refreshed at once, by one process: many may be of one server. */
const AT_ONCE = 10

/** Claimed together. */
const BATCH = 100

/**
 * How many one pass refreshes at most. A pass every five minutes keeps more than ten million grants alive, and where a
 * server with as many grants is away, a pass still ends.
 */
const MOST = 1000

type Parts = {
  atproto: { grants: Pick<Gateway['atproto']['grants'], 'idle' | 'refreshIdle'> }
  runtime: Pick<Gateway['runtime'], 'closing' | 'logger'>
}

/**
 * Refreshes grants of living sessions that nobody has used for weeks, before their refresh tokens end: as many as are
 * due, or a thousand. One whose server cannot be reached is due again after 12 hours. Never rejects.
 */
export async function keepGrantsAlive(parts: Parts, { most = MOST }: { most?: number } = {}): Promise<void> {
  const { atproto, runtime } = parts
  const counts = { kept: 0, lost: 0, failed: 0 }
  let isStoreAway = false
  let firstFailure: unknown
  const mayGoOn = () => !runtime.closing.aborted && !isStoreAway

  async function keep(id: string): Promise<void> {
    // What is left of the batch when the process ends is due again after 12 hours.
    if (!mayGoOn()) return
    try {
      await atproto.grants.refreshIdle(id)
      counts.kept++
    } catch (error) {
      if (error instanceof GrantLost) {
        counts.lost++
        return
      }
      counts.failed++
      firstFailure ??= error
      isStoreAway ||= error instanceof StoreUnavailable
    }
  }

  try {
    for (let claimed = 0; claimed < most && mayGoOn(); ) {
      const limit = Math.min(BATCH, most - claimed)
      const due = await atproto.grants.idle.claimDue(limit)
      await inParallel(due, AT_ONCE, keep)
      if (due.length < limit) break
      claimed += due.length
    }
  } catch (error) {
    firstFailure ??= error
  }
  tell(runtime.logger, counts, firstFailure)
}

/** One line for a pass, however many grants of a server that is away were due. */
function tell(
  logger: Parts['runtime']['logger'],
  counts: { kept: number; lost: number; failed: number },
  failure: unknown,
): void {
  if (failure !== undefined) logger.warn({ err: failure, ...counts }, 'idle grants not kept alive; tried again later')
  else if (counts.kept + counts.lost > 0) logger.info(counts, 'idle grants kept alive')
}
