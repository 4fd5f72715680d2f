import { setTimeout as sleep } from 'node:timers/promises'
import { SECOND } from '../../platform/clock.ts'
import { createSingleFlight } from '../../platform/single-flight.ts'
import { adoptNewest } from './adopt.ts'
import { type AttemptParts, attemptRefresh } from './attempt.ts'
import type { HeldGrant } from './grant.ts'
import { refreshUnavailable } from './refresh-unavailable.ts'
import type { GrantRow } from './rows.ts'
import { openGrant } from './sealed-grant.ts'

/** Which grant to refresh: one whose access token is due, or one that a resource server has refused. */
export type RefreshWish = { id: string; refused?: bigint }

/** Refreshes grants, one refresh a grant and process at a time; the lease is for the other processes. */
export interface Refresher {
  /**
   * Refreshes a grant, and waits if somebody else does.
   * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE after ten seconds, PDS_UNAVAILABLE
   */
  refresh(wish: RefreshWish): Promise<HeldGrant>
  /**
   * Refreshes a grant unless somebody else does.
   * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
   */
  tryRefresh(wish: RefreshWish): Promise<HeldGrant | null>
  /** Waits for what is under way. */
  settle(): Promise<void>
}

const LONGEST_WAIT = 10 * SECOND

/** In milliseconds. Waiting holds no connection: the row is read now and then. */
const POLL = { least: 100, jitter: 400 }

export function createRefresher(parts: AttemptParts): Refresher {
  const steps = createSingleFlight<HeldGrant | null>()
  const waits = createSingleFlight<HeldGrant>()

  const tryRefresh = (wish: RefreshWish) => steps.run(wish.id, () => step(parts, wish))

  async function refreshOrWait(wish: RefreshWish): Promise<HeldGrant> {
    const deadline = performance.now() + LONGEST_WAIT
    do {
      const held = await tryRefresh(wish)
      if (held !== null) return held
      await sleep(POLL.least + Math.random() * POLL.jitter)
    } while (performance.now() < deadline)
    throw refreshUnavailable('another process refreshes the grant')
  }

  return {
    refresh: (wish) => waits.run(wish.id, () => withinLongestWait(refreshOrWait(wish))),
    tryRefresh,
    async settle() {
      await Promise.allSettled(steps.running())
    },
  }
}

/** A caller waits no longer, while the server may take its time. The work goes on. */
async function withinLongestWait<T>(work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const timeout = sleep(LONGEST_WAIT, undefined, { signal: timer.signal }).then(() => {
    throw refreshUnavailable('the authorization server takes too long')
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timer.abort()
    timeout.catch(() => undefined)
  }
}

/** Looks at a grant once, and does what can be done now. Null when somebody else is at it. */
async function step(parts: AttemptParts, wish: RefreshWish): Promise<HeldGrant | null> {
  let row = await parts.rows.require(wish.id)
  if (!isWanted(row, wish)) return held(parts, row)
  // A copy is adopted without the lease of who made it: storing it needs none.
  if ((await adoptNewest(parts, row)) === 'adopted') {
    row = await parts.rows.require(wish.id)
    if (!isWanted(row, wish)) return held(parts, row)
  }
  if (row.isLeased) return null
  if (row.isUnderWay) throw refreshUnavailable('an earlier attempt was not answered')
  return attemptRefresh(parts, row)
}

/** A refused access token is refreshed once a minute at most: a resource server may refuse every one. */
function isWanted(row: GrantRow, { refused }: RefreshWish): boolean {
  return row.isDue || (row.generation === refused && !row.isNew)
}

async function held({ sealer }: AttemptParts, row: GrantRow): Promise<HeldGrant> {
  return { ...row, grant: await openGrant(sealer, row) }
}
