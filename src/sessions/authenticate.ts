import type { Gateway } from '../gateway.ts'
import type { PrismaClient } from '../store/sql/generated/client.ts'
import { keepInUse } from './keep-alive.ts'
import { parseSessionToken, secretMatches } from './token.ts'
import { findSession, type Viewer, type ViewerSession } from './viewer.ts'

/** What a request shows of itself. */
export type RequestCredentials = { sessionCookie: string | null; authorization: string | null }

type Parts = Pick<Gateway, 'db' | 'clock' | 'config' | 'credentials' | 'logger' | 'ephemeral'>

/**
 * Who makes a request, or null. The cookie counts if there is one, else a bearer token (RFC 6750 §2.1).
 * Costs one database query, and a write in the background every few minutes.
 */
export async function authenticate(
  gateway: Parts,
  { sessionCookie, authorization }: RequestCredentials,
): Promise<Viewer | null> {
  const proven = await proveSession(gateway.db, sessionCookie ?? bearerToken(authorization), gateway.clock())
  if (proven === null) return null
  if (!proven.isReplaced) keepInUse(gateway, proven.session)
  return { ...proven, via: sessionCookie === null ? 'bearer' : 'cookie' }
}

/** The session that a session token proves, if it may be used at all. */
export async function proveSession(
  db: Pick<PrismaClient, 'session'>,
  text: string | null,
  now: number,
): Promise<{ session: ViewerSession; isReplaced: boolean } | null> {
  const token = text === null ? null : parseSessionToken(text)
  if (token === null) return null
  const session = await findSession(db, token.id)
  if (session === null || session.expiresAt.getTime() <= now) return null
  const { secretHash, formerHash, isActive, graceUntil } = session
  const inGrace = graceUntil !== null && graceUntil.getTime() > now
  if (secretHash !== null && secretMatches(token.secret, secretHash)) {
    return isActive || inGrace ? { session, isReplaced: !isActive } : null
  }
  return inGrace && formerHash !== null && secretMatches(token.secret, formerHash)
    ? { session, isReplaced: true }
    : null
}

function bearerToken(authorization: string | null): string | null {
  return /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1] ?? null
}
