import type { Grant } from '../atproto/grants/grant.ts'
import { missingScopes, parseScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { mayReturnThrough } from './client-binding.ts'
import { FlowRefused } from './flow-refused.ts'
import type { PendingFlow } from './pending-flow.ts'
import { isStillSignedIn } from './starter.ts'

/**
 * The browser that the response came to must be the one that began (RFC 9700 §4.7.1).
 * @throws FlowRefused client_mismatch
 */
export function requireSameClient({ binding }: PendingFlow, clientCookie: string | null): void {
  if (!mayReturnThrough(binding, clientCookie)) throw new FlowRefused('client_mismatch')
}

/**
 * Who began the flow from within a session must still be signed in.
 * @throws FlowRefused expired
 */
export async function requireStarter({ stores, runtime }: Gateway, { flow }: PendingFlow): Promise<void> {
  if (flow.starter === null) return
  const isSignedIn = await isStillSignedIn(stores.db, flow.starter, new Date(runtime.clock()))
  if (!isSignedIn) throw new FlowRefused('expired')
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

/** @throws FlowRefused scope_missing */
export function requireScopes({ scopes }: PendingFlow, { tokenSet }: Grant): void {
  if (missingScopes(scopes, parseScope(tokenSet.scope)).length > 0) throw new FlowRefused('scope_missing')
}
