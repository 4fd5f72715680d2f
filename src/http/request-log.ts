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

/** What the log says of a request: the route, but not the URL, whose query may hold codes and tokens. */
type Line = { reqId: string; method: string; route: string; status: number; ms: number; ip: string }

/** Writes the line of a completed request to the log. */
export function requestLine(logger: Logger): (level: 'info' | 'debug', line: Line) => void {
  return plainLog<Line>(logger, 'request')
}

/** As the log has times: nobody needs them more precisely. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

/**
 * A hook that logs each completed request. Supervisors ask every few seconds, which is of no interest.
 * @param msBefore how long a request took before Fastify had it
 */
export function requestLog(logger: Logger, msBefore: (raw: IncomingMessage) => number) {
  const log = requestLine(logger)
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    log(isProbe(request) ? 'debug' : 'info', {
      reqId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      ms: tenths(msBefore(request.raw) + reply.elapsedTime),
      ip: request.ip,
    })
    done()
  }
}

/** Tells the client the id by which the log has its request. */
export function sendRequestId(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id)
}
