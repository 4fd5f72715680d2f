import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'

/** Marks an answer as nobody's to keep: it holds a one-time thing, or depends on a cookie. */
export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
}

/** The one place where errors become HTTP answers: `{ "error": code, "message": … }`. */
export function answerError(error: FastifyError | GatewayError, request: FastifyRequest, reply: FastifyReply): void {
  noStore(reply)
  if (error instanceof GatewayError) {
    const { code, message, detail, retryAfter, cause } = error
    if (cause !== undefined || detail !== undefined) request.log.warn({ err: cause, code, detail }, message)
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    reply.code(error.status).send({ error: code, message })
  } else if (error.statusCode !== undefined && error.statusCode < 500) {
    // Fastify's own refusals: a body that is no JSON, too large, of another content type.
    reply.code(error.statusCode).send({ error: 'BAD_USER_INPUT', message: error.message })
  } else {
    request.log.error({ err: error }, 'unexpected error')
    const message = `Something went wrong here. Try again; if it stays, report the request id ${request.id}.`
    reply.code(500).send({ error: 'INTERNAL_SERVER_ERROR', message, requestId: request.id })
  }
}

/** The answer to a path that nothing is at. */
export function answerNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send({ error: 'NOT_FOUND', message: STATUS_CODES[404] })
}
