import { hash } from 'node:crypto'
import type { Gateway } from '../gateway.ts'
import { MINUTE } from '../platform/clock.ts'
import { PENDING_FLOW_TTL } from './flow-lifetime.ts'

/** Longer than the flow itself is stored, whose time another clock measures. */
const CLAIM_LIFETIME = PENDING_FLOW_TTL + 5 * MINUTE

/**
 * Claims a pending flow before its code is redeemed, so that of any number of callbacks, on any replica, one goes on.
 * Kept in the database: the ephemeral store may lose what it was told, and then let a callback through again.
 * @returns whether this call is the first
 */
export async function claimFlow({ stores, runtime }: Pick<Gateway, 'stores' | 'runtime'>, state: string) {
  const id = hash('sha256', state, 'base64url')
  const claim = { id, endsAt: new Date(runtime.clock() + CLAIM_LIFETIME) }
  const { count } = await stores.db.claimedFlow.createMany({ data: [claim], skipDuplicates: true })
  return count === 1
}

/**
 * Deletes the claims of flows that nobody can finish any more, at most `take`.
 * @returns how many; fewer than `take` when no more are, or others are deleting them
 */
export async function deleteClaims(
  { stores, runtime }: Pick<Gateway, 'stores' | 'runtime'>,
  { take }: { take: number },
): Promise<number> {
  return stores.db.$executeRaw`
    DELETE FROM "ClaimedFlow"
     WHERE "id" IN (SELECT "id" FROM "ClaimedFlow" WHERE "endsAt" <= ${new Date(runtime.clock())}::timestamptz
                     ORDER BY "endsAt" LIMIT ${take}::int FOR UPDATE SKIP LOCKED)`
}
