import type { FastifyReply, FastifyRequest } from 'fastify'
import { isProbe } from './probes.ts'
import { VERIFY_PATH } from './verify.ts'

/**
 * Redirects a browser from `localhost` to 127.0.0.1. The OAuth loopback client returns there (RFC 8252 §8.3), and
 * browsers do not send the cookies of one name to the other.
 */
export function redirectLocalhost(publicUrl: string) {
  return (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    if (isFromBrowser(request) && request.hostname === 'localhost') reply.redirect(`${publicUrl}${request.url}`, 307)
    else next()
  }
}

function isFromBrowser(request: FastifyRequest): boolean {
  return request.method === 'GET' && !isProbe(request) && !isVerify(request)
}

/** A proxy asks, which has no cookies of its own, and passes the answer on. */
function isVerify({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url === VERIFY_PATH
}
