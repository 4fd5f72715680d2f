import { recordAccount } from '../accounts/record-account.ts'
import type { Grant } from '../atproto/grants/grant.ts'
import { formatScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { newId } from '../platform/random.ts'
import { sessionExpiry } from '../sessions/lifetime.ts'
import { withSessionChanges } from '../sessions/with-session-changes.ts'
import type { PendingFlow } from './pending-flow.ts'

type Completed = {
  pending: PendingFlow
  grant: Grant
  /** The scopes that were asked for and not refused. */
  asked: readonly string[]
  userAgent: string | null
}

/**
 * Writes what a completed flow brought: account, grant and session. The session awaits its exchange: it is in
 * no group and has no token.
 * @returns `isNewAccount`: whether this gateway sees the account for the first time
 */
export async function recordSession(
  gateway: Gateway,
  { pending, grant, asked, userAgent }: Completed,
): Promise<{ sessionId: string; isNewAccount: boolean }> {
  const { atproto, config, runtime } = gateway
  const identity = await atproto.identities.lookUp(grant.tokenSet.sub)
  const profile = await atproto.profiles.read(identity)
  const { kind, name, days } = pending.flow.session({ binding: pending.binding, config })
  return withSessionChanges(gateway, {}, async (rows) => {
    const now = runtime.clock()
    const { isNew } = await recordAccount(rows.tx, { identity, profile, now: new Date(now) })
    const { id: grantId, did, expiresAt: grantExpiresAt } = await atproto.grants.insert(rows.tx, newId(), grant)
    const expiresAt = sessionExpiry(now, { days, grantExpiresAt })
    const askedScope = formatScope(asked)
    const session = { kind, name, did, grantId, userAgent, askedScope, createdAt: new Date(now), expiresAt }
    return { sessionId: (await rows.insertAwaiting(session)).id, isNewAccount: isNew }
  })
}
