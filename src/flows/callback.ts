import { AuthorizationRefused, redeemAuthorizationResponse } from '../atproto/authorization.ts'
import type { Grant } from '../atproto/grants/grant.ts'
import { giveGrantBack } from '../atproto/grants/revoke.ts'
import type { ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'
import { requireAccount, requireSameClient, requireScopes, requireStarter } from './callback-checks.ts'
import { issueExchangeToken } from './exchange-token.ts'
import { FlowRefused } from './flow-refused.ts'
import { type PendingFlow, takePendingFlow } from './pending-flow.ts'
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
 * Takes the flow that an authorization response belongs to, and completes it.
 * @returns the URL to redirect to, with an exchange token or an `auth_error`
 * @throws GatewayError SERVICE_UNAVAILABLE while the ephemeral store cannot be reached; the flow is then still stored
 * @throws GatewayError RATE_LIMITED after too many wrong callbacks and tokens from one address; the flow is then still
 *   stored
 */
export async function completeFlow(gateway: Gateway, callback: Callback): Promise<string> {
  const { params, clientCookie, sessionCookie, client } = callback
  const pending = await takeCountedFlow(gateway, { params, client })
  // Unknown, expired and already taken look the same.
  if (pending === null) return withOutcome(gateway.config.frontendUrl, { auth_error: 'expired' })
  let grant: Grant | undefined
  try {
    requireSameClient(pending, clientCookie)
    await requireStarter(gateway, pending, sessionCookie)
    grant = await redeemAuthorizationResponse(gateway.atproto.clients, { request: pending.request, params })
    requireAccount(pending, grant)
    requireScopes(pending, grant)
    const { sessionId, isNewAccount } = await recordSession(gateway, { pending, grant, userAgent: client.userAgent })
    const { flow, binding } = pending
    const exchangeToken = await issueExchangeToken(gateway, { sessionId, flow, binding })
    const destination = isNewAccount ? welcomeOf(gateway, pending) : pending.returnTo
    return withOutcome(destination, { exchange_token: exchangeToken, ...flow.outcome })
  } catch (error) {
    if (grant !== undefined) await giveGrantBack(gateway, grant)
    await abandon(gateway, pending)
    return refusal(gateway, pending, error)
  }
}

/** Takes the flow, and counts a callback that has none: each costs a look-up. */
async function takeCountedFlow(
  gateway: Gateway,
  { params, client }: Pick<Callback, 'params' | 'client'>,
): Promise<PendingFlow | null> {
  const { failures } = gateway.runtime.limits
  const address = addressKey(client.ip)
  failures.requireBelow(address)
  const pending = await takePendingFlow(gateway, params.get('state') ?? '')
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

function refusal({ runtime }: Gateway, { flow, returnTo }: PendingFlow, error: unknown): string {
  const isExpected = error instanceof FlowRefused || error instanceof AuthorizationRefused
  const code = isExpected ? error.code : 'failed'
  runtime.logger[isExpected ? 'info' : 'error']({ err: error, flow: flow.kind, code }, 'flow refused')
  const more = error instanceof FlowRefused ? error.outcome : {}
  return withOutcome(returnTo, { auth_error: code, auth_error_flow: flow.kind, ...more })
}
