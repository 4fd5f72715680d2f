import type { Sealer } from '../../store/sealing/sealer.ts'
import type { HeldGrant } from './grant.ts'
import type { Refresher } from './refresh.ts'
import type { GrantRows } from './rows.ts'
import { openGrant } from './sealed-grant.ts'
import { tokenHasEnded } from './token-life.ts'
import type { UnstoredGrants } from './unstored.ts'

export type UseParts = {
  rows: Pick<GrantRows, 'require'>
  sealer: Sealer
  unstored: Pick<UnstoredGrants, 'find'>
  refresher: Pick<Refresher, 'refresh'>
  /** Refreshes a grant in the background. Never throws. */
  refreshSoon(id: string): void
}

/**
 * A token set of a grant whose access token can be used now. While it goes on it is used, without a lease and without a
 * wait; only one that has ended is waited for.
 * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
 */
export async function usableGrant(parts: UseParts, id: string): Promise<HeldGrant> {
  const unstored = parts.unstored.find(id)
  if (unstored !== undefined && !tokenHasEnded(unstored.grant)) return unstored
  const row = await parts.rows.require(id)
  if (row.hasEnded) return parts.refresher.refresh({ id })
  if (row.isDue) parts.refreshSoon(id)
  return { ...row, grant: await openGrant(parts.sealer, row) }
}
