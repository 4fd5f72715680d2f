import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'
import { logGatewayError } from '../platform/logger.ts'

/** Marks a response as uncacheable: it holds a one-time secret, or depends on a cookie. */
export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
}

/** The one place where errors become HTTP responses: `{ "error": code, "message": … }`. */
export function respondWithError(
  error: FastifyError | GatewayError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  noStore(reply)
  if (error instanceof GatewayError) {
    const { code, message, retryAfter } = error
    logGatewayError(request.log, error)
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    reply.code(error.status).send({ error: code, message })
  } else if (error.statusCode !== undefined && error.statusCode < 500) {
    // Fastify's own errors: a body that is not JSON, is too large, or has another content type.
    reply.code(error.statusCode).send({ error: 'BAD_USER_INPUT', message: error.message })
  } else {
    request.log.error({ err: error }, 'unexpected error')
    const message = `Something went wrong here. Try again; if it happens again, report the request id ${request.id}.`
    reply.code(500).send({ error: 'INTERNAL_SERVER_ERROR', message, requestId: request.id })
  }
}

/** The response to an unknown path. */
export function respondNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send({ error: 'NOT_FOUND', message: STATUS_CODES[404] })
}
