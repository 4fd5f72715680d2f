import type { Gateway } from '../gateway.ts'
import { parseSessionToken, secretMatches } from './token.ts'
import { findSession, type Viewer, type ViewerSession } from './viewer.ts'

/** The session tokens that a request carries. */
export type PresentedTokens = { sessionCookie: string | null; authorization: string | null }

type Parts = {
  stores: Pick<Gateway['stores'], 'db'>
  runtime: Pick<Gateway['runtime'], 'clock'>
}

/**
 * Who makes a request, or null. The cookie counts if there is one, else a bearer token (RFC 6750 §2.1).
 * One database query; nothing is written.
 */
export async function authenticate(
  parts: Parts,
  { sessionCookie, authorization }: PresentedTokens,
): Promise<Viewer | null> {
  const presented = await presentedSession(parts, sessionCookie ?? bearerToken(authorization))
  if (presented === null) return null
  return { ...presented, via: sessionCookie === null ? 'bearer' : 'cookie' }
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
