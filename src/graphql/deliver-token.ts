import { cookieMaxAge } from '../sessions/lifetime.ts'
import { formatSessionToken, type SessionToken } from '../sessions/token.ts'
import { findSession, type ViewerSession } from '../sessions/viewer.ts'
import { type Context, unauthenticated } from './context.ts'

/** A session that a client received. The token is null if it was set as a cookie, or not delivered at all. */
export type Delivered = { session: ViewerSession; sessionToken: string | null }

/** Delivers a new session token as a cookie or in the response. The rest of the request acts as that session. */
export async function deliverToken(
  context: Context,
  token: SessionToken,
  via: 'cookie' | 'bearer',
): Promise<Delivered> {
  const { gateway, cookies } = context
  const session = await loadSession(context, token.id)
  const isDeveloperToken = session.kind === 'DEVELOPER_TOKEN'
  const sessionToken = formatSessionToken(token, { developer: isDeveloperToken })
  // A developer token is for use elsewhere. The request continues as its creator.
  if (!isDeveloperToken) context.continueAs({ session, via, isReplaced: false })
  if (via === 'bearer') return { session, sessionToken }
  cookies.setSession(sessionToken, cookieMaxAge(gateway, session))
  return { session, sessionToken: null }
}

/** Loads a session that existed a moment ago. */
export async function loadSession({ gateway }: Context, id: string): Promise<ViewerSession> {
  const session = await findSession(gateway.stores.db, id)
  // Another client ended it meanwhile.
  if (session === null) throw unauthenticated()
  return session
}
