import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Sends a browser that came to `localhost` on to 127.0.0.1. The OAuth loopback client comes back there (RFC 8252 §8.3), and
 * cookies set under one name are not sent to the other.
 */
export function redirectLocalhost(publicUrl: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (request.method === 'GET' && request.hostname === 'localhost') {
      await reply.redirect(`${publicUrl}${request.url}`, 307)
    }
  }
}
