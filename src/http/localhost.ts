import type { FastifyReply, FastifyRequest } from 'fastify'
import { isProbe } from './probes.ts'
import { VERIFY_PATH } from './verify.ts'

/**
 * Redirects a browser from `localhost` to 127.0.0.1. The OAuth loopback client returns there (RFC 8252 §8.3), and
 * browsers do not send the cookies of one name to the other.
 */
export function redirectLocalhost(publicUrl: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (request.method === 'GET' && request.hostname === 'localhost' && !isProbe(request) && !isVerify(request)) {
      await reply.redirect(`${publicUrl}${request.url}`, 307)
    }
  }
}

/** A proxy asks, which has no cookies of its own, and passes the answer on. */
function isVerify({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url === VERIFY_PATH
}
