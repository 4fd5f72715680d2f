import type { Grant } from '../atproto/grants/grant.ts'
import { parseScope, refusedScopes, unionOfScopes } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { clientOfCookie } from '../sessions/authenticate.ts'
import { mayReturnThrough } from './client-binding.ts'
import { FlowRefused } from './flow-refused.ts'
import type { PendingFlow } from './pending-flow.ts'
import { staysInGroup } from './same-group.ts'
import { isStillSignedIn } from './starter.ts'

/**
 * The browser that the response came to must be the one that began (RFC 9700 §4.7.1).
 * @throws FlowRefused client_mismatch
 */
export function requireSameClient({ binding }: PendingFlow, clientCookie: string | null): void {
  if (!mayReturnThrough(binding, clientCookie)) throw new FlowRefused('client_mismatch')
}

/**
 * Who began the flow from within a session must still be signed in, and in this browser if the flow changes its group.
 * @throws FlowRefused expired, client_mismatch
 */
export async function requireStarter(
  gateway: Gateway,
  pending: PendingFlow,
  sessionCookie: string | null,
): Promise<void> {
  const { starter } = pending.flow
  if (starter === null) return
  const isSignedIn = await isStillSignedIn(gateway.stores.db, starter, new Date(gateway.runtime.clock()))
  if (!isSignedIn) throw new FlowRefused('expired')
  const shown = await clientOfCookie(gateway, sessionCookie)
  if (!staysInGroup(pending, shown)) throw new FlowRefused('client_mismatch')
}

/**
 * The account that signed in must be the one that was meant (atproto OAuth, "Identity Authentication"): a server that
 * an attacker runs, or another person at the keyboard, could otherwise sign the user in as somebody else. The frontend
 * may offer to go on as the account that came.
 * @throws FlowRefused account_mismatch
 */
export function requireAccount({ account }: PendingFlow, { tokenSet }: Grant): void {
  if (account === null || account === tokenSet.sub) return
  throw new FlowRefused('account_mismatch', { auth_error_account: tokenSet.sub })
}

/**
 * What is required must be granted. Of a permission set a part is enough: the server knows another version of it, or
 * nobody here knows what it holds; the session then shows it as missing.
 * @returns what was asked for and not refused
 * @throws FlowRefused scope_missing
 */
export function requireScopes(
  { atproto }: Pick<Gateway, 'atproto'>,
  { scopes, optionalScopes, needsOptional }: PendingFlow,
  { tokenSet }: Grant,
): string[] {
  const refused = refusedScopes([...scopes, ...optionalScopes], parseScope(tokenSet.scope), atproto.permissionSets.find)
  const isGranted = (scope: string) => !refused.includes(scope)
  if (!unionOfScopes(scopes).every(isGranted)) throw new FlowRefused('scope_missing')
  if (needsOptional && !unionOfScopes(optionalScopes).some(isGranted)) throw new FlowRefused('scope_missing')
  return unionOfScopes(scopes, optionalScopes).filter(isGranted)
}
