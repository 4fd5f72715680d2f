import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorReason, GatewayError } from '../platform/errors.ts'
import { logGatewayError } from '../platform/logger.ts'
import { noStore } from './no-store.ts'
import { sendPage } from './pages/page.ts'
import { problemPage } from './pages/problem.ts'

/** What a client is told of an error. */
export type Problem = { status: number; error: string; message: string; reason?: ErrorReason; requestId?: string }

/**
 * The one place where errors become HTTP responses: `{ "error": code, "message": … }` with a `reason` where there is
 * one, or a page for a browser's navigation.
 */
export function respondWithError(
  error: FastifyError | GatewayError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof GatewayError && error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  respond(request, reply, problemOf(error, request))
}

/** The response to an unknown path. */
export function respondNotFound(request: FastifyRequest, reply: FastifyReply): void {
  respond(request, reply, { status: 404, error: 'NOT_FOUND', message: 'There is nothing at this address.' })
}

/** Says what a client is told of an error, and logs what it is not told. */
export function problemOf(error: FastifyError | GatewayError, request: FastifyRequest): Problem {
  if (error instanceof GatewayError) {
    logGatewayError(request.log, error)
    const { status, code, message, reason } = error
    return { status, error: code, message, ...(reason && { reason }) }
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    // Fastify's own errors: a body that is not JSON, is too large, or has another content type.
    const message = error.statusCode === 413 ? tooLarge(request) : error.message
    return { status: error.statusCode, error: 'BAD_USER_INPUT', message }
  }
  request.log.error({ err: error }, 'unexpected error')
  const message = `Something went wrong here. Try again; if it happens again, report the request id ${request.id}.`
  return { status: 500, error: 'INTERNAL_SERVER_ERROR', message, requestId: request.id }
}

function tooLarge({ routeOptions }: FastifyRequest): string {
  return `The request body is too large. Here it has at most ${routeOptions.bodyLimit} bytes.`
}

function respond(request: FastifyRequest, reply: FastifyReply, { status, ...problem }: Problem): void {
  if (isNavigation(request)) {
    const title = status === 404 ? 'Not found' : 'Something is wrong'
    const home = reply.server.portal?.path ?? '/'
    sendPage(reply, status, problemPage({ title, problem: problem.message, home }))
  } else {
    // Tells errors of the gateway from those of a PDS, which pass through /xrpc in the same form.
    reply.header('atgate-error', problem.error)
    noStore(reply).code(status).send(problem)
  }
}

/** Whether a person waits for a page. A browser never shows JSON to them. */
export function isNavigation({ method, headers }: FastifyRequest): boolean {
  if (method !== 'GET') return false
  const mode = headers['sec-fetch-mode']
  return mode === undefined ? (headers.accept?.includes('text/html') ?? false) : mode === 'navigate'
}
