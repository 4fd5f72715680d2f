import type { FastifyRequest } from 'fastify'
import type { ClientRequest } from '../sessions/client-request.ts'
import type { Cookies } from './cookies.ts'

/** Longer ones are cut: the client chooses the text, and the gateway stores it. */
const MAX_USER_AGENT = 300

/** What of a request the gateway's functions are told. */
type RequestParts = Pick<FastifyRequest, 'id' | 'headers' | 'ip' | 'cookies'>

/** Reads from a request what the gateway's functions need. */
export function clientRequest(request: RequestParts, cookies: Cookies): ClientRequest {
  return {
    id: request.id,
    authorization: request.headers.authorization ?? null,
    account: namedAccount(request),
    ...cookies.read(request),
    client: { ip: request.ip, userAgent: request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null },
  }
}

function namedAccount({ headers }: RequestParts): string | null {
  const named = headers['atgate-account']
  return named === undefined ? null : String(named)
}
