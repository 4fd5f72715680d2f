import type { Background } from '../../platform/background.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import { adoptNewest, type NewestParts } from './adopt.ts'
import { endLease } from './end-lease.ts'
import type { Grant, HeldGrant } from './grant.ts'
import type { Lease } from './leases.ts'
import { IssuerMoved, type PreparedRefresh, RefreshRefused, type RefreshRequest } from './refresh-request.ts'
import { refreshUnavailable } from './refresh-unavailable.ts'
import { GrantLost, type GrantRow, type LostReason } from './rows.ts'
import { openGrant } from './sealed-grant.ts'

export type AttemptParts = NewestParts & {
  sealer: Sealer
  request: RefreshRequest
  background: Background
  logger: Pick<Logger, 'info' | 'warn'>
  /** Called with what this process has refreshed. Never throws. */
  onRefreshed(held: HeldGrant): void
}

/** Nothing was sent: the lease did not cover the request, or its holder was stalled. */
class NotSent extends Error {
  override readonly name = 'NotSent'
}

/**
 * How long after the mark the request may begin, in milliseconds. Others count on an answer within a minute of the
 * mark, so a process that was stalled in between must not send any more. By the monotonic clock.
 */
const SENDING_BEGINS_WITHIN = 2000

/**
 * Refreshes a grant, if this process gets the lease. See docs/decisions/0008-refreshing-a-grant.md.
 * @returns the new token set; null when somebody else was faster or something newer was found: read the row again
 * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
 */
export async function attemptRefresh(parts: AttemptParts, row: GrantRow): Promise<HeldGrant | null> {
  const grant = await openGrant(parts.sealer, row)
  if (grant.tokenSet.refresh_token === undefined) {
    if (row.hasEnded) return giveUp(parts, row, 'no_refresh_token')
    return { ...row, grant }
  }
  const prepared = await prepare(parts, row, grant)
  if (prepared === null) return null
  const lease = await parts.rows.lease(row)
  if (lease === null) return null
  return refreshUnderLease(parts, { row, lease, prepared })
}

/** Before the lease: resolving an account can take longer than the rest. */
async function prepare(parts: AttemptParts, row: GrantRow, grant: Grant): Promise<PreparedRefresh | null> {
  try {
    return await parts.request.prepare(grant)
  } catch (error) {
    if (error instanceof IssuerMoved) return giveUp(parts, row, 'moved', error)
    throw error
  }
}

type Leased = { row: GrantRow; lease: Lease; prepared: PreparedRefresh }

async function refreshUnderLease(parts: AttemptParts, leased: Leased): Promise<HeldGrant | null> {
  const { row, lease } = leased
  const newest = await adoptNewest(parts, row).catch(releasing(parts, lease))
  // Storing it has ended the lease.
  if (newest === 'adopted') return null
  // Somebody has sent the refresh token: its answer may be a copy that cannot be seen now, or still under way.
  if (newest === 'unknown' && lease.sentAt !== null) {
    return releasing(parts, lease)(refreshUnavailable('the copies of refreshed grants cannot be read'))
  }
  if (lease.isUnderWay) return releasing(parts, lease)(refreshUnavailable('an earlier attempt was not answered'))
  return send(parts, leased)
}

async function send(parts: AttemptParts, { row, lease, prepared }: Leased): Promise<HeldGrant | null> {
  let grant: Grant
  try {
    grant = await prepared.send(() => markSent(parts, lease))
  } catch (error) {
    if (error instanceof NotSent) {
      await endLease(parts, { lease, how: 'unmarkSent' })
      throw refreshUnavailable('the refresh token could not be sent in time', error)
    }
    if (error instanceof RefreshRefused) {
      return giveUp(parts, row, lease.sentAt === null ? 'refused' : 'ambiguous', error)
    }
    // Whether the server has used the refresh token up is not known: the mark stays.
    return releasing(parts, lease)(error)
  }
  const held = { id: row.id, did: row.did, generation: row.generation + 1n, grant }
  // Nothing may come between the answer and this.
  await parts.unstored.keep(held)
  parts.onRefreshed(held)
  return held
}

/** The fence: only who holds the lease, for long enough, sends. */
async function markSent({ rows }: AttemptParts, lease: Lease): Promise<void> {
  const startedAt = performance.now()
  const isMarked = await rows.markSent(lease).catch((cause: unknown) => {
    throw new NotSent('not marked', { cause })
  })
  if (!isMarked) throw new NotSent('the lease has ended')
  if (performance.now() - startedAt > SENDING_BEGINS_WITHIN) throw new NotSent('stalled')
}

/**
 * Gives a grant up, unless a newer token set is stored by now.
 * @returns null then
 */
async function giveUp(parts: AttemptParts, row: GrantRow, reason: LostReason, cause?: unknown): Promise<null> {
  if (!(await parts.rows.markLost(row, reason))) return null
  parts.logger.info({ err: cause, grantId: row.id, reason }, 'grant lost')
  parts.onChange({ id: row.id, state: 'lost' })
  throw new GrantLost(`grant ${row.id}: ${reason}`, { cause })
}

/** Ends the lease, then fails. */
function releasing(parts: AttemptParts, lease: Lease) {
  return async (error: unknown): Promise<never> => {
    await endLease(parts, { lease, how: 'release' })
    throw error
  }
}
