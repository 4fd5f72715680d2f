import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { DAY } from '../platform/clock.ts'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'

/** In seconds: the longest that browsers keep a cookie. What a session is worth then, the server decides. */
const MAX_AGE = (400 * DAY) / 1000

/** Reads and writes the gateway's two cookies. */
export interface Cookies {
  read(request: Pick<FastifyRequest, 'cookies'>): Pick<ClientRequest, 'sessionCookie' | 'clientCookie'>
  of(reply: FastifyReply): ClientCookies
}

/**
 * The session cookie and the client cookie: host-only (no Domain), unreadable for scripts, and sent across sites with
 * navigations only (docs/decisions/0002-samesite-lax-host-only-cookies.md). `__Host-` makes browsers enforce that over
 * https (RFC 6265bis §4.1.3.2).
 */
export function createCookies({ secure }: Pick<Config, 'secure'>): Cookies {
  const prefix = secure ? '__Host-' : ''
  const sessionName = `${prefix}atgate`
  const clientName = `${prefix}atgate-client`
  const attributes: CookieSerializeOptions = { path: '/', httpOnly: true, sameSite: 'lax', secure }
  const kept: CookieSerializeOptions = { ...attributes, maxAge: MAX_AGE }

  return {
    read: ({ cookies }) => ({
      sessionCookie: cookies[sessionName] ?? null,
      clientCookie: cookies[clientName] ?? null,
    }),
    of: (reply) => ({
      setSession: (sessionToken) => void reply.setCookie(sessionName, sessionToken, kept),
      clearSession: () => void reply.clearCookie(sessionName, attributes),
      setClient: (clientCookie) => void reply.setCookie(clientName, clientCookie, kept),
    }),
  }
}
