import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'
import { GatewayError } from '../platform/errors.ts'
import { presentedSession } from '../sessions/authenticate.ts'
import type { SessionToken } from '../sessions/token.ts'
import { withSessionChanges } from '../sessions/with-session-changes.ts'
import { NotAdmitted } from './admission.ts'
import { type ClientProof, isProvenBy } from './client-binding.ts'
import { type PendingExchange, takeExchangeToken } from './exchange-token.ts'

/** The session that an exchange gave to a client. */
export type Exchanged = {
  sessionId: string
  /** Null when the session was linked but did not become the active one. */
  token: SessionToken | null
  /** A browser session is a cookie; SDK sessions and developer tokens are bearer tokens. */
  via: 'cookie' | 'bearer'
}

type Request = {
  exchangeToken: string
  proof: ClientProof
  /** The session cookie that the browser already has, if any. */
  sessionCookie: string | null
  client: ClientInfo
}

/**
 * Trades an exchange token for the session that awaits it. Only now is the session's secret made, and only now does
 * what it replaces end: so no secret is stored before, and closing the tab half-way changes nothing.
 * @throws GatewayError EXCHANGE_TOKEN_INVALID; a client is not told which of the reasons it was
 * @throws GatewayError RATE_LIMITED after too many of those from one address; the exchange token is then still good
 */
export async function exchange(gateway: Gateway, request: Request): Promise<Exchanged> {
  const { failures } = gateway.runtime.limits
  const address = addressKey(request.client.ip)
  failures.requireBelow(address)
  try {
    return await exchangeOnce(gateway, request)
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'EXCHANGE_TOKEN_INVALID') await failures.consume(address)
    throw error
  }
}

async function exchangeOnce(gateway: Gateway, request: Request): Promise<Exchanged> {
  const pending = await takeExchangeToken(gateway, request.exchangeToken)
  if (pending === null) throw invalidToken()
  try {
    requireSameClient(pending, request)
    return await admit(gateway, pending, request)
  } catch (error) {
    if (!(error instanceof NotAdmitted)) throw error
    await giveUp(gateway, pending, { client: request.client, reason: error.message })
    throw invalidToken(error)
  }
}

/** An exchange token that another client presents has leaked. */
function requireSameClient({ binding }: PendingExchange, { proof }: Request): void {
  if (!isProvenBy(binding, proof)) throw new NotAdmitted('another client')
}

async function admit(gateway: Gateway, pending: PendingExchange, request: Request): Promise<Exchanged> {
  const { sessionId, flow, binding } = pending
  const cookie = binding.kind === 'cookie' ? request.sessionCookie : null
  const presented = (await presentedSession(gateway, cookie))?.session ?? null
  const groups = [flow.starter?.groupId ?? [], presented?.groupId ?? []].flat()
  return withSessionChanges(gateway, { groups, ...announcementOf(pending) }, async (rows) => {
    // The database, too, lets an exchange happen once: a second one finds no session that awaits.
    const session = await rows.takeAwaiting(sessionId)
    if (session === null) throw new NotAdmitted(`session ${sessionId} awaits no exchange`)
    const { client } = request
    const now = new Date(gateway.runtime.clock())
    const token = await flow.admit({ rows, session, binding, presented, client, now })
    return { sessionId, token, via: session.kind === 'BROWSER' ? 'cookie' : 'bearer' }
  })
}

function announcementOf({ flow: { announces, starter } }: PendingExchange) {
  return announces === null || starter === null ? {} : { announcing: { groupId: starter.groupId, kind: announces } }
}

/** Ends the session that no client will exchange any more. */
async function giveUp(
  gateway: Gateway,
  { sessionId }: PendingExchange,
  { client, reason }: { client: ClientInfo; reason: string },
): Promise<void> {
  await withSessionChanges(gateway, {}, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    for (const { id, did } of await rows.end({ id: sessionId, secretHash: null })) {
      await audit(rows.tx, { now, client, kind: 'exchange_refused', did, sessionId: id, detail: { reason } })
    }
  })
}

function invalidToken(cause?: unknown): GatewayError {
  return new GatewayError(
    'EXCHANGE_TOKEN_INVALID',
    'The exchange token is unknown, expired, already used, or belongs to another client. Start again.',
    { cause },
  )
}
