import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Logger, plainLog } from '../platform/logger.ts'
import { isProbe } from './probes.ts'

/** What ids look like, those that proxies and browsers make included. Nothing else gets into the log. */
const REQUEST_ID = /^[\w.=+/-]{8,128}$/

/**
 * The id of a request: the one that a proxy before the gateway gave it (`X-Request-Id`), so that both logs can be read
 * together, or a new one.
 */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/**
 * A hook that logs one line for each completed request. It has the route but not the URL, whose query may hold codes and
 * tokens. Supervisors ask every few seconds, which is of no interest.
 */
export function requestLog(logger: Logger) {
  const log = plainLog(logger)
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    log[isProbe(request) ? 'debug' : 'info'](
      {
        reqId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ip: request.ip,
      },
      'request',
    )
    done()
  }
}

/** Tells the client the id by which the log has its request. */
export function sendRequestId(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id)
}
