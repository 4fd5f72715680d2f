import pRetry from 'p-retry'
import type { Background } from '../../platform/background.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Lease } from './leases.ts'
import type { GrantRows } from './rows.ts'

type Parts = {
  rows: Pick<GrantRows, 'release' | 'unmarkSent'>
  background: Background
  logger: Pick<Logger, 'warn'>
}

/** Half a minute in all. By then the lease nearly ends by itself. */
const RETRIES = { retries: 6, minTimeout: 500, factor: 2, unref: true }

/**
 * Ends a lease, in the background if the database is away: until then nobody can refresh the grant. Never rejects.
 * @param how `unmarkSent` when nothing was sent
 */
export async function endLease(parts: Parts, { lease, how }: { lease: Lease; how: 'release' | 'unmarkSent' }) {
  await parts.rows[how](lease).catch(() => parts.background.add(endLeaseAtLast(parts, { lease, how })))
}

async function endLeaseAtLast(
  { rows, logger }: Parts,
  { lease, how }: { lease: Lease; how: 'release' | 'unmarkSent' },
) {
  try {
    await pRetry(() => rows[how](lease), RETRIES)
  } catch (error) {
    logger.warn({ err: error, grantId: lease.id }, 'lease of a grant not ended; it ends by itself')
  }
}
