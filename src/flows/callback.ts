import { recordAccount } from '../accounts/record-account.ts'
import {
  AuthorizationRefused,
  type Grant,
  type RefusalCode,
  redeemAuthorizationResponse,
} from '../atproto/authorization.ts'
import { revokeGrant } from '../atproto/grants/grants.ts'
import { missingScopes, parseScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { createAwaitingSession } from './awaiting-session.ts'
import { mayReturnThrough } from './client-binding.ts'
import { issueExchangeToken } from './exchange-token.ts'
import { type FlowKind, type PendingFlow, takePendingFlow } from './pending-flow.ts'
import { withOutcome } from './return-to.ts'
import { isStillSignedIn } from './starter.ts'

/** Why a flow came to nothing, as the frontend is told in `auth_error`. */
export type AuthErrorCode = RefusalCode | 'expired' | 'client_mismatch' | 'account_mismatch' | 'scope_missing'

/** A flow that ends without a session. */
class FlowRefused extends Error {
  override readonly name = 'FlowRefused'
  readonly code: AuthErrorCode

  constructor(code: AuthErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

type Parts = Pick<
  Gateway,
  'config' | 'clock' | 'logger' | 'db' | 'ephemeral' | 'sealer' | 'clients' | 'identities' | 'profiles' | 'credentials'
>

type Callback = {
  /** The authorization response as it stands in the query. */
  params: URLSearchParams
  clientCookie: string | null
  userAgent: string | null
}

/**
 * Takes the flow that an authorization response belongs to, and completes it.
 * @returns the URL on the frontend to redirect to, with an exchange token or an `auth_error`
 * @throws GatewayError SERVICE_UNAVAILABLE while the ephemeral store is down; the flow is then still there
 */
export async function completeFlow(gateway: Parts, callback: Callback): Promise<string> {
  const flow = await takePendingFlow(gateway, callback.params.get('state') ?? '')
  // Unknown, too late, or the same callback again: which of them it was cannot be told.
  if (flow === null) return withOutcome(gateway.config.frontendUrl, { auth_error: 'expired' })
  try {
    return await finish(gateway, flow, callback)
  } catch (error) {
    const isForeseen = error instanceof FlowRefused || error instanceof AuthorizationRefused
    const code = isForeseen ? error.code : 'failed'
    gateway.logger[isForeseen ? 'info' : 'error']({ err: error, flow: flow.kind, code }, 'flow refused')
    return withOutcome(flow.returnTo, { auth_error: code, auth_error_flow: flow.kind })
  }
}

async function finish(gateway: Parts, flow: PendingFlow, callback: Callback): Promise<string> {
  if (!mayReturnThrough(flow.binding, callback.clientCookie)) throw new FlowRefused('client_mismatch')
  await requireStarter(gateway, flow)
  const grant = await redeemAuthorizationResponse(gateway.clients, { request: flow.request, params: callback.params })
  try {
    requireSameAccount(flow, grant)
    requireScopes(flow, grant)
    const { session, isNewAccount } = await writeSession(gateway, { flow, grant, userAgent: callback.userAgent })
    const { binding, purpose } = exchangeOf(flow)
    const exchangeToken = await issueExchangeToken(gateway, { sessionId: session.id, purpose, binding })
    const destination = destinationOf(gateway, flow, isNewAccount)
    return withOutcome(destination, { exchange_token: exchangeToken, ...OUTCOMES[flow.kind] })
  } catch (error) {
    await giveBack(gateway, grant)
    throw error
  }
}

/** What the frontend is told beside the exchange token. */
const OUTCOMES: Record<FlowKind, Record<string, string>> = {
  login: {},
  create_account: {},
  add_account: { account_added: 'true' },
  scope_upgrade: { scope_upgraded: 'true' },
  developer_token: { dev_token: 'true' },
}

/** The part of a flow that the exchange needs; the OAuth request is spent. */
function exchangeOf({ binding, returnTo, scopes, request, ...purpose }: PendingFlow) {
  return { binding, purpose }
}

/** Whoever began the flow from within a session must still be signed in. */
async function requireStarter({ db, clock }: Parts, flow: PendingFlow): Promise<void> {
  if ('starter' in flow && !(await isStillSignedIn(db, flow.starter, new Date(clock()))))
    throw new FlowRefused('expired')
}

/** Another account may have signed in to finish it: its grant must not end up with this one's session or token. */
function requireSameAccount(flow: PendingFlow, { tokenSet }: Grant): void {
  const bound = flow.kind === 'scope_upgrade' || flow.kind === 'developer_token'
  if (bound && flow.starter.did !== tokenSet.sub) throw new FlowRefused('account_mismatch')
}

function requireScopes(flow: PendingFlow, { tokenSet }: Grant): void {
  if (missingScopes(flow.scopes, parseScope(tokenSet.scope)).length > 0) throw new FlowRefused('scope_missing')
}

async function writeSession(gateway: Parts, made: { flow: PendingFlow; grant: Grant; userAgent: string | null }) {
  const { identities, db, clock } = gateway
  const identity = await identities.lookUp(made.grant.tokenSet.sub)
  const profile = await gateway.profiles.read(identity)
  return db.$transaction(async (tx) => {
    const { isNew } = await recordAccount(tx, { identity, profile, now: new Date(clock()) })
    return { session: await createAwaitingSession(tx, gateway, made), isNewAccount: isNew }
  })
}

/** A newcomer may be shown a welcome first; a client on its own machine always gets its answer where it listens. */
function destinationOf({ config }: Parts, flow: PendingFlow, isNewAccount: boolean): string {
  const signsIn = flow.kind === 'login' || flow.kind === 'create_account'
  const welcomed = signsIn && isNewAccount && flow.binding.kind === 'cookie'
  if (!welcomed || config.newAccountPath === null) return flow.returnTo
  return new URL(config.newAccountPath, config.frontendUrl).href
}

/** A grant that no session will use is revoked; when that fails there is nobody left to tell but the log. */
async function giveBack({ clients, logger }: Parts, grant: Grant): Promise<void> {
  try {
    await revokeGrant(clients, grant)
  } catch (error) {
    logger.warn({ err: error, did: grant.tokenSet.sub }, 'grant of a refused flow not revoked')
  }
}
