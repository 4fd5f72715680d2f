import { missingScopes, parseScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { AccountSession } from '../sessions/client.ts'
import type { ClientRequest } from '../sessions/client-request.ts'
import { identify } from '../sessions/identify.ts'
import type { IdentityTokens } from './identity-token.ts'

/** What a service asks of a request that reached it. */
export type Demand = {
  /** Scopes that the session must have. */
  scopes: readonly string[]
  /** Whom the identity token is for; null for the first of TOKEN_AUDIENCES. */
  audience: string | null
}

/** Who makes a request, for a service that has it verified. */
export type Verified = {
  session: AccountSession
  /** The identity token, or null where the gateway issues none. */
  token: string | null
}

/**
 * Verifies a request for a service behind the gateway: who makes it, and whether they granted what the service needs.
 * @throws GatewayError UNAUTHENTICATED, ACCOUNT_CHANGED, RATE_LIMITED, SCOPE_UPGRADE_REQUIRED, BAD_USER_INPUT
 * @throws StoreUnavailable
 */
export async function verify(
  gateway: Gateway,
  identityTokens: Pick<IdentityTokens, 'share'>,
  { clientRequest, scopes, audience }: Demand & { clientRequest: ClientRequest },
): Promise<Verified> {
  const { viewer } = await identify(gateway, clientRequest)
  requireGranted(gateway, scopes, viewer.session)
  const issued = await identityTokens.share(viewer, audience)
  return { session: viewer.session, token: issued?.token ?? null }
}

/** A permission set is granted only if all that it holds is, for certain: the service relies on it. */
function requireGranted({ atproto }: Gateway, scopes: readonly string[], { grant }: AccountSession): void {
  if (scopes.length === 0) return
  const missing = missingScopes(scopes, parseScope(grant.scope), atproto.permissionSets.find)
  if (missing.length === 0) return
  throw new GatewayError(
    'SCOPE_UPGRADE_REQUIRED',
    `This session lacks ${missing.join(' ')}. Ask for it with startScopeUpgrade.`,
    { missingScopes: missing },
  )
}
