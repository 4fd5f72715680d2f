import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'
import { GatewayError } from '../platform/errors.ts'
import { type Client, findClient } from '../sessions/client.ts'
import { withSessionChanges } from '../sessions/with-session-changes.ts'
import type { SessionKind } from '../store/sql/generated/client.ts'
import { type Admitted, NotAdmitted } from './admission.ts'
import { type ClientProof, isProvenBy } from './client-binding.ts'
import { forgetExchangeToken, type PendingExchange, readExchangeToken } from './exchange-token.ts'
import { staysInGroup } from './same-group.ts'

/** The session that an exchange gave to a client. */
export type Exchanged = Admitted & {
  /** What kind of client holds the token: a browser as cookie, others as bearer. */
  kind: SessionKind
}

type Request = {
  exchangeToken: string
  proof: ClientProof
  /** The client whose token the request shows, if any. */
  shown: Client | null
  from: ClientInfo
}

/**
 * Trades an exchange token for the session that awaits it. Only now is a token minted: so no secret is stored before.
 * What it replaces ends at its first use: so an answer that is lost, or a tab that is closed, changes nothing.
 * @throws GatewayError EXCHANGE_TOKEN_INVALID; a client is not told which of the reasons it was
 * @throws GatewayError RATE_LIMITED after too many of those from one address; the exchange token is then still good
 */
export async function exchange(gateway: Gateway, request: Request): Promise<Exchanged> {
  const { failures } = gateway.runtime.limits
  const address = addressKey(request.from.ip)
  failures.requireBelow(address)
  try {
    return await exchangeOnce(gateway, request)
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'EXCHANGE_TOKEN_INVALID') await failures.consume(address)
    throw error
  }
}

async function exchangeOnce(gateway: Gateway, request: Request): Promise<Exchanged> {
  const { exchangeToken, from } = request
  const pending = await readExchangeToken(gateway, exchangeToken)
  if (pending === null) throw invalidToken()
  try {
    requireSameClient(pending, request)
    const exchanged = await admit(gateway, pending, request)
    await forgetExchangeToken(gateway, exchangeToken)
    return exchanged
  } catch (error) {
    // After an outage of a store the client may try again.
    if (!(error instanceof NotAdmitted)) throw error
    await giveUp(gateway, pending, { from, reason: error.message })
    await forgetExchangeToken(gateway, exchangeToken)
    throw invalidToken(error)
  }
}

/** An exchange token that another client presents has leaked. */
function requireSameClient({ binding }: PendingExchange, { proof }: Request): void {
  if (!isProvenBy(binding, proof)) throw new NotAdmitted('another client')
}

async function admit(gateway: Gateway, pending: PendingExchange, request: Request): Promise<Exchanged> {
  const { sessionId, flow, binding } = pending
  const { shown, from } = request
  const groups = [flow.starter?.groupId ?? [], shown?.group.id ?? []].flat()
  return withSessionChanges(gateway, { groups }, async (rows) => {
    // The database lets an exchange happen once: a second one finds no session that awaits.
    const session = await rows.takeAwaiting(sessionId)
    if (session === null) throw new NotAdmitted(`session ${sessionId} awaits no exchange`)
    const now = new Date(gateway.runtime.clock())
    const current = shown === null ? null : await findClient(rows.tx, shown.token.id, now)
    if (!staysInGroup(pending, current)) throw new NotAdmitted('the browser shows no session of the group')
    const admitted = await flow.admit({ rows, session, binding, shown: current, from, now })
    return { ...admitted, kind: session.kind }
  })
}

/** Ends the session that no client will exchange any more. */
async function giveUp(
  gateway: Gateway,
  { sessionId }: PendingExchange,
  { from, reason }: { from: ClientInfo; reason: string },
): Promise<void> {
  await withSessionChanges(gateway, {}, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    for (const { id, did } of await rows.end({ id: sessionId, exchangedAt: null })) {
      await audit(rows.tx, { now, client: from, kind: 'exchange_refused', did, sessionId: id, detail: { reason } })
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
