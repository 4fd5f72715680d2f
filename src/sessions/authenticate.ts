import type { ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'
import { parseSessionToken, secretMatches } from './token.ts'
import { findSession, type Viewer, type ViewerSession } from './viewer.ts'

/** The session tokens that a request carries. */
export type PresentedTokens = { sessionCookie: string | null; authorization: string | null }

type Parts = {
  stores: Pick<Gateway['stores'], 'db'>
  runtime: Pick<Gateway['runtime'], 'clock'>
}

type LimitedParts = Parts & { runtime: Pick<Gateway['runtime'], 'limits' | 'provenTokens'> }

/**
 * Who makes a request, or null. The cookie counts if there is one, else a bearer token (RFC 6750 §2.1).
 * One database query; nothing is written.
 * @throws GatewayError RATE_LIMITED when the address has sent too many tokens that are not valid
 */
export async function authenticate(
  parts: LimitedParts,
  { sessionCookie, authorization, client }: PresentedTokens & { client: Pick<ClientInfo, 'ip'> },
): Promise<Viewer | null> {
  const text = sessionCookie ?? bearerToken(authorization)
  // What does not even have the form of a token costs no query, and is not counted.
  if (text === null || parseSessionToken(text) === null) return null
  const presented = await withFailureLimit(parts, { text, ip: client.ip }, () => presentedSession(parts, text))
  if (presented === null) return null
  return { ...presented, via: sessionCookie === null ? 'bearer' : 'cookie' }
}

/**
 * Looks a token up, and counts it if it is wrong: each costs a query. An address with too many is refused before the
 * query, but with a token that was good the last time it goes on, since others may be behind the same address.
 */
async function withFailureLimit<T>(
  { runtime: { limits, provenTokens } }: LimitedParts,
  { text, ip }: { text: string; ip: string | null },
  lookUp: () => Promise<T | null>,
): Promise<T | null> {
  const address = addressKey(ip)
  if (!provenTokens.has(text)) limits.failures.requireBelow(address)
  const found = await lookUp()
  if (found === null) {
    provenTokens.delete(text)
    await limits.failures.consume(address)
  } else {
    provenTokens.add(text)
  }
  return found
}

/** The session that a session token authenticates, or null. */
export async function presentedSession(
  { stores, runtime }: Parts,
  text: string | null,
): Promise<{ session: ViewerSession; isReplaced: boolean } | null> {
  const token = text === null ? null : parseSessionToken(text)
  if (token === null) return null
  const session = await findSession(stores.db, token.id)
  const now = runtime.clock()
  if (session === null || session.expiresAt.getTime() <= now) return null
  const { secretHash, formerHash, isActive, graceUntil } = session
  const inGrace = graceUntil !== null && graceUntil.getTime() > now
  if (secretHash !== null && secretMatches(token.secret, secretHash)) {
    return isActive || inGrace ? { session, isReplaced: !isActive } : null
  }
  const isFormer = inGrace && formerHash !== null && secretMatches(token.secret, formerHash)
  return isFormer ? { session, isReplaced: true } : null
}

function bearerToken(authorization: string | null): string | null {
  return /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1] ?? null
}
