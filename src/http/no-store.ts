import type { FastifyReply } from 'fastify'

/** The headers of a response that is uncacheable: it holds a one-time secret, or depends on a cookie. */
export const NO_STORE = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }

/** Marks a response as uncacheable. */
export function noStore(reply: FastifyReply): FastifyReply {
  return reply.headers(NO_STORE)
}
