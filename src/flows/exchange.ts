import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { proveSession } from '../sessions/authenticate.ts'
import { type ChangingParts, changingSessions, endSessions } from '../sessions/rows.ts'
import type { SessionToken } from '../sessions/token.ts'
import { admitSession, NotAdmitted } from './admit-session.ts'
import { type ClientProof, isProvenBy } from './client-binding.ts'
import { type PendingExchange, takeExchangeToken } from './exchange-token.ts'

/** What an exchange brought to life. */
export type Exchanged = {
  sessionId: string
  /** Null when the session was linked but did not become the active one. */
  token: SessionToken | null
  /** Cookie-bound flows get a cookie, the others a text; a developer token always is one. */
  via: 'cookie' | 'bearer'
}

type Parts = ChangingParts & Pick<Gateway, 'clock' | 'sealer'>

type Request = {
  exchangeToken: string
  proof: ClientProof
  /** The session cookie that the browser already has, if any. */
  sessionCookie: string | null
  client: ClientInfo
}

/**
 * Trades an exchange token for the session that awaits it. Only now is the session's secret made, and only now does what it
 * replaces end: so no secret waits in a store, and closing the tab half-way changes nothing.
 * @throws GatewayError EXCHANGE_TOKEN_INVALID; which of the reasons it was, a client is not told
 */
export async function exchange(gateway: Parts, request: Request): Promise<Exchanged> {
  const pending = await takeExchangeToken(gateway, request.exchangeToken)
  if (pending === null) throw invalidToken()
  try {
    // Someone else showed the token: it has leaked.
    if (!isProvenBy(pending.binding, request.proof)) throw new NotAdmitted('another client')
    return await admit(gateway, pending, request)
  } catch (error) {
    if (!(error instanceof NotAdmitted)) throw error
    await discard(gateway, pending, { client: request.client, reason: error.message })
    throw invalidToken(error)
  }
}

async function admit(gateway: Parts, pending: PendingExchange, request: Request): Promise<Exchanged> {
  const isCookieBound = pending.binding.kind === 'cookie'
  const proven = isCookieBound ? await proveSession(gateway.db, request.sessionCookie, gateway.clock()) : null
  const admission = { exchange: pending, shown: proven?.session ?? null, client: request.client }
  const { result: token } = await changingSessions(gateway, (tx) => admitSession(tx, gateway, admission))
  const asCookie = isCookieBound && pending.purpose.kind !== 'developer_token'
  return { sessionId: pending.sessionId, token, via: asCookie ? 'cookie' : 'bearer' }
}

/** Gives up the session that nobody will exchange any more. */
async function discard(
  gateway: Parts,
  { sessionId }: PendingExchange,
  { client, reason }: { client: ClientInfo; reason: string },
): Promise<void> {
  await changingSessions(gateway, async (tx) => {
    const ended = await endSessions(tx, { id: sessionId, secretHash: null })
    for (const { id, did } of ended) {
      await audit(tx, {
        clock: gateway.clock,
        client,
        kind: 'exchange_refused',
        did,
        sessionId: id,
        detail: { reason },
      })
    }
    return { ended, result: undefined }
  })
}

function invalidToken(cause?: unknown): GatewayError {
  return new GatewayError(
    'EXCHANGE_TOKEN_INVALID',
    'The exchange token is unknown, expired, already used, or was given to another client. Begin again.',
    { cause },
  )
}
