import { recordAccount } from '../accounts/record-account.ts'
import { AuthorizationRefused, type RefusalCode, redeemAuthorizationResponse } from '../atproto/authorization.ts'
import type { Grant } from '../atproto/grants/grant.ts'
import { revokeGrant } from '../atproto/grants/revoke.ts'
import { missingScopes, parseScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { newId } from '../platform/random.ts'
import { sessionExpiry } from '../sessions/lifetime.ts'
import { withSessionChanges } from '../sessions/with-session-changes.ts'
import { mayReturnThrough } from './client-binding.ts'
import { issueExchangeToken } from './exchange-token.ts'
import { type PendingFlow, takePendingFlow } from './pending-flow.ts'
import { withOutcome } from './return-to.ts'
import { isStillSignedIn } from './starter.ts'

/** Why a flow failed, as the frontend is told in `auth_error`. */
export type AuthErrorCode = RefusalCode | 'expired' | 'client_mismatch' | 'account_mismatch' | 'scope_missing'

/** A flow that ends without a session. */
class FlowRefused extends Error {
  override readonly name = 'FlowRefused'
  readonly code: AuthErrorCode
  /** What else the frontend is told. */
  readonly outcome: Readonly<Record<string, string>>

  constructor(code: AuthErrorCode, outcome: Readonly<Record<string, string>> = {}) {
    super(code)
    this.code = code
    this.outcome = outcome
  }
}

type Callback = {
  /** The authorization response as it stands in the query (RFC 6749 §4.1.2). */
  params: URLSearchParams
  clientCookie: string | null
  userAgent: string | null
}

/**
 * Takes the flow that an authorization response belongs to, and completes it.
 * @returns the URL on the frontend to redirect to, with an exchange token or an `auth_error`
 * @throws GatewayError SERVICE_UNAVAILABLE while the ephemeral store cannot be reached; the flow is then still stored
 */
export async function completeFlow(gateway: Gateway, callback: Callback): Promise<string> {
  const pending = await takePendingFlow(gateway, callback.params.get('state') ?? '')
  // Unknown, expired and already taken look the same.
  if (pending === null) return withOutcome(gateway.config.frontendUrl, { auth_error: 'expired' })
  try {
    requireSameClient(pending, callback)
    await requireStarter(gateway, pending)
    const request = { request: pending.request, params: callback.params }
    const grant = await redeemAuthorizationResponse(gateway.atproto.clients, request)
    return await useOrGiveBack(gateway, grant, async () => {
      requireAccount(pending, grant)
      requireScopes(pending, grant)
      const { sessionId, isNewAccount } = await recordSession(gateway, { pending, grant, callback })
      const { flow, binding } = pending
      const exchangeToken = await issueExchangeToken(gateway, { sessionId, flow, binding })
      const destination = isNewAccount ? welcomeOf(gateway, pending) : pending.returnTo
      return withOutcome(destination, { exchange_token: exchangeToken, ...flow.outcome })
    })
  } catch (error) {
    return refusal(gateway, pending, error)
  }
}

/** The browser that the response came to must be the one that began (RFC 9700 §4.7.1). */
function requireSameClient({ binding }: PendingFlow, { clientCookie }: Callback): void {
  if (!mayReturnThrough(binding, clientCookie)) throw new FlowRefused('client_mismatch')
}

/** Who began the flow from within a session must still be signed in. */
async function requireStarter({ stores, runtime }: Gateway, { flow }: PendingFlow): Promise<void> {
  if (flow.starter === null) return
  const isSignedIn = await isStillSignedIn(stores.db, flow.starter, new Date(runtime.clock()))
  if (!isSignedIn) throw new FlowRefused('expired')
}

/**
 * The account that signed in must be the one that was meant (atproto OAuth, "Identity Authentication"): a server that an attacker
 * runs, or another person at the keyboard, could otherwise sign the user in as somebody else. The frontend may offer to go on
 * as the account that came.
 */
function requireAccount({ account }: PendingFlow, { tokenSet }: Grant): void {
  if (account === null || account === tokenSet.sub) return
  throw new FlowRefused('account_mismatch', { auth_error_account: tokenSet.sub })
}

function requireScopes({ scopes }: PendingFlow, { tokenSet }: Grant): void {
  if (missingScopes(scopes, parseScope(tokenSet.scope)).length > 0) throw new FlowRefused('scope_missing')
}

type Recorded = { sessionId: string; isNewAccount: boolean }

/** Writes account, grant and session. The session awaits its exchange: it has no secret and is in no group. */
async function recordSession(
  gateway: Gateway,
  { pending, grant, callback }: { pending: PendingFlow; grant: Grant; callback: Callback },
): Promise<Recorded> {
  const { atproto, config, runtime } = gateway
  const identity = await atproto.identities.lookUp(grant.tokenSet.sub)
  const profile = await atproto.profiles.read(identity)
  const { kind, name, days } = pending.flow.session({ binding: pending.binding, config })
  return withSessionChanges(gateway, {}, async (rows) => {
    const now = runtime.clock()
    const { isNew } = await recordAccount(rows.tx, { identity, profile, now: new Date(now) })
    const { id: grantId, did, expiresAt: grantExpiresAt } = await atproto.grants.insert(rows.tx, newId(), grant)
    const expiresAt = sessionExpiry(now, { days, grantExpiresAt })
    const { userAgent } = callback
    const session = { kind, name, did, grantId, userAgent, createdAt: new Date(now), expiresAt }
    return { sessionId: (await rows.insertAwaiting(session)).id, isNewAccount: isNew }
  })
}

/** A newcomer may be shown a welcome page first. A client without cookies always gets its answer where it listens. */
function welcomeOf({ config }: Gateway, { flow, binding, returnTo }: PendingFlow): string {
  const isWelcomed = flow.welcomesNewcomers && binding.kind === 'cookie'
  if (!isWelcomed || config.newAccountPath === null) return returnTo
  return new URL(config.newAccountPath, config.frontendUrl).href
}

/** Revokes a grant that `work` could not use. When that fails, only the log can tell. */
async function useOrGiveBack<T>({ atproto, runtime }: Gateway, grant: Grant, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await revokeGrant(atproto.clients, grant).catch((cause: unknown) =>
      runtime.logger.warn({ err: cause, did: grant.tokenSet.sub }, 'grant of a refused flow not revoked'),
    )
    throw error
  }
}

function refusal({ runtime }: Gateway, { flow, returnTo }: PendingFlow, error: unknown): string {
  const isExpected = error instanceof FlowRefused || error instanceof AuthorizationRefused
  const code = isExpected ? error.code : 'failed'
  runtime.logger[isExpected ? 'info' : 'error']({ err: error, flow: flow.kind, code }, 'flow refused')
  const more = error instanceof FlowRefused ? error.outcome : {}
  return withOutcome(returnTo, { auth_error: code, auth_error_flow: flow.kind, ...more })
}
