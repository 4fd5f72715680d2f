import { AuthorizationRefused, redeemAuthorizationResponse } from '../atproto/authorization.ts'
import type { Grant } from '../atproto/grants/grant.ts'
import { giveGrantBack } from '../atproto/grants/revoke.ts'
import type { ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'
import { GatewayError, StoreUnavailable } from '../platform/errors.ts'
import { requireAccount, requireSameClient, requireScopes, requireStarter } from './callback-checks.ts'
import { claimFlow } from './claim.ts'
import { issueExchangeToken } from './exchange-token.ts'
import { type AuthErrorCode, FlowRefused } from './flow-refused.ts'
import { forgetPendingFlow, type PendingFlow, readPendingFlow } from './pending-flow.ts'
import { recordSession } from './record-session.ts'
import { withOutcome } from './return-to.ts'

type Callback = {
  /** The authorization response as it stands in the query (RFC 6749 §4.1.2). */
  params: URLSearchParams
  clientCookie: string | null
  sessionCookie: string | null
  client: ClientInfo
}

/**
 * Completes the flow that an authorization response belongs to. What meets an outage before the code is redeemed has
 * changed nothing: the response can be sent again.
 * @returns the URL to redirect to, with an exchange token or an `auth_error`
 * @throws GatewayError RATE_LIMITED after too many wrong callbacks and tokens from one address; the flow is then still
 *   stored
 */
export async function completeFlow(gateway: Gateway, callback: Callback): Promise<string> {
  const { clientCookie, sessionCookie } = callback
  let pending: PendingFlow | null = null
  try {
    pending = await readCountedFlow(gateway, callback)
    // Unknown, expired and forgotten look the same.
    if (pending === null) return withOutcome(gateway.config.frontendUrl, { auth_error: 'expired' })
    requireSameClient(pending, clientCookie)
    await requireStarter(gateway, pending, sessionCookie)
    // From here on it happens once. Another callback is finishing the flow, or has.
    if (!(await claimFlow(gateway, pending.request.state))) return refusal(gateway, pending, new FlowRefused('expired'))
  } catch (error) {
    if (error instanceof StoreUnavailable) return unavailable(gateway, pending, error)
    if (pending === null) throw error
    await forgetPendingFlow(gateway, pending)
    await abandon(gateway, pending)
    return refusal(gateway, pending, error)
  }
  return finishFlow(gateway, pending, callback)
}

/** Redeems the code of a claimed flow. */
async function finishFlow(gateway: Gateway, pending: PendingFlow, { params, client }: Callback): Promise<string> {
  let grant: Grant | undefined
  try {
    grant = await redeemAuthorizationResponse(gateway.atproto.clients, { request: pending.request, params })
    requireAccount(pending, grant)
    const asked = requireScopes(gateway, pending, grant)
    const completed = { pending, grant, asked, userAgent: client.userAgent }
    const { sessionId, isNewAccount } = await recordSession(gateway, completed)
    const { flow, binding } = pending
    const exchangeToken = await issueExchangeToken(gateway, { sessionId, flow, binding })
    const destination = isNewAccount ? welcomeOf(gateway, pending) : pending.returnTo
    return withOutcome(destination, { exchange_token: exchangeToken, ...flow.outcome })
  } catch (error) {
    if (grant !== undefined) await giveGrantBack(gateway, grant)
    await abandon(gateway, pending)
    return error instanceof StoreUnavailable ? unavailable(gateway, pending, error) : refusal(gateway, pending, error)
  } finally {
    await forgetPendingFlow(gateway, pending)
  }
}

/** Reads the flow, and counts a callback that has none: each costs a look-up. */
async function readCountedFlow(
  gateway: Gateway,
  { params, client }: Pick<Callback, 'params' | 'client'>,
): Promise<PendingFlow | null> {
  const { failures } = gateway.runtime.limits
  const address = addressKey(client.ip)
  failures.requireBelow(address)
  const pending = await readPendingFlow(gateway, params.get('state') ?? '')
  if (pending === null) await failures.consume(address)
  return pending
}

/** A newcomer may be shown a welcome page first. A client without cookies always gets its answer where it listens. */
function welcomeOf({ config }: Gateway, { flow, binding, returnTo }: PendingFlow): string {
  const isWelcomed = flow.welcomesNewcomers && binding.kind === 'cookie'
  if (!isWelcomed || config.newAccountPath === null) return returnTo
  return new URL(config.newAccountPath, config.frontendUrl).href
}

async function abandon(gateway: Gateway, { flow }: PendingFlow): Promise<void> {
  await flow
    .abandon(gateway)
    .catch((error: unknown) =>
      gateway.runtime.logger.warn({ err: error, flow: flow.kind }, 'refused flow not forgotten'),
    )
}

/** The outcome while a store of ours is away. Without it, nobody knows where the flow was to return. */
function unavailable({ config, runtime }: Gateway, pending: PendingFlow | null, error: StoreUnavailable): string {
  runtime.logger.warn({ err: error, flow: pending?.flow.kind }, 'flow met an outage')
  const code = { auth_error: 'temporarily_unavailable' }
  if (pending === null) return withOutcome(config.frontendUrl, code)
  return withOutcome(pending.returnTo, { ...code, auth_error_flow: pending.flow.kind })
}

function refusal({ runtime }: Gateway, { flow, returnTo }: PendingFlow, error: unknown): string {
  const code = refusalCodeOf(error)
  const isExpected = code !== 'failed' || error instanceof AuthorizationRefused
  runtime.logger[isExpected ? 'info' : 'error']({ err: error, flow: flow.kind, code }, 'flow refused')
  const more = error instanceof FlowRefused ? error.outcome : {}
  return withOutcome(returnTo, { auth_error: code, auth_error_flow: flow.kind, ...more })
}

function refusalCodeOf(error: unknown): AuthErrorCode {
  if (error instanceof FlowRefused || error instanceof AuthorizationRefused) return error.code
  // What looks the account up does not answer.
  if (error instanceof GatewayError && error.code === 'SERVICE_UNAVAILABLE') return 'upstream_unavailable'
  return 'failed'
}
