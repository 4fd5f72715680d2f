import { cookieMaxAge } from '../sessions/lifetime.ts'
import { formatSessionToken, type SessionToken } from '../sessions/token.ts'
import { findSession, type ViewerSession } from '../sessions/viewer.ts'
import { type Context, unauthenticated } from './context.ts'

/** A session that came into a client's hands. The token is null where it went out as a cookie, or not at all. */
export type Delivered = { session: ViewerSession; sessionToken: string | null }

/** Hands a fresh session token to the client, the way it holds its session, and lets the request go on as that session. */
export async function deliverToken(
  context: Context,
  token: SessionToken,
  via: 'cookie' | 'bearer',
): Promise<Delivered> {
  const { gateway, cookies } = context
  const session = await loadSession(context, token.id)
  const isDeveloperToken = session.kind === 'DEVELOPER_TOKEN'
  const sessionToken = formatSessionToken(token, { developer: isDeveloperToken })
  // A developer token is made for elsewhere: the request goes on as whoever made it.
  if (!isDeveloperToken) context.continueAs({ session, via, isReplaced: false })
  if (via === 'bearer') return { session, sessionToken }
  cookies.setSession(sessionToken, cookieMaxAge(gateway, session))
  return { session, sessionToken: null }
}

/** A session that was there a moment ago. */
export async function loadSession({ gateway }: Context, id: string): Promise<ViewerSession> {
  const session = await findSession(gateway.stores.db, id)
  // Ended from elsewhere in this very moment.
  if (session === null) throw unauthenticated()
  return session
}
