import type { FastifyReply } from 'fastify'

/** Marks a response as uncacheable: it holds a one-time secret, or depends on a cookie. */
export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
}
