import type { FastifyRequest } from 'fastify'
import type { ClientRequest } from '../sessions/client-request.ts'
import type { Cookies } from './cookies.ts'

/** Longer ones are cut: the text is the client's to choose, and is stored. */
const MAX_USER_AGENT = 300

/** Reads from a request what the gateway's functions ask for. */
export function clientRequest(request: FastifyRequest, cookies: Cookies): ClientRequest {
  return {
    id: request.id,
    authorization: request.headers.authorization ?? null,
    ...cookies.read(request),
    client: { ip: request.ip, userAgent: request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null },
  }
}
