import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SECOND } from '../platform/clock.ts'
import type { ConnectionLimits } from './connections.ts'

/** How long a client may go on sending a body that is answered already. Cut off at once, it might miss the answer. */
const LINGER = 10 * SECOND

/** The message for a body that takes too long. Its status is 408 (RFC 9110 §15.5.9). */
class BodyTooSlow extends Error {
  override readonly name = 'BodyTooSlow'
  readonly statusCode = 408
}

/**
 * Bounds the time that request bodies take. Node.js has one bound for all, which is that of uploads to a PDS; what the
 * gateway reads itself is small, and has less time.
 * @param isUpload whether a route passes bodies of any size on
 */
export function boundBodyTime(
  limits: Pick<ConnectionLimits, 'request'>,
  isUpload: (request: FastifyRequest) => boolean,
) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    if (!hasBody(request.headers)) return
    reply.raw.once('finish', () => endAfterAnswer(request.raw))
    if (isUpload(request)) return
    const timer = setTimeout(() => giveUp(request.raw, reply.raw), limits.request).unref()
    reply.raw.once('close', () => clearTimeout(timer))
  }
}

/** Whether a request has a body, by RFC 9112 §6.3. `complete` says so later, when the request is being answered. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function endAfterAnswer(request: IncomingMessage): void {
  if (request.complete) return
  // With a listener it flows also if somebody still reads it piece by piece, once that ends.
  request.on('data', () => undefined).resume()
  const timer = setTimeout(() => request.complete || request.socket.destroy(), LINGER).unref()
  request.once('close', () => clearTimeout(timer))
}

function giveUp(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return
  response.shouldKeepAlive = false
  // Who reads the body answers its error. Where nobody does, there is no answer that could still be given.
  if (request.listenerCount('error') === 0) request.socket.destroy()
  else request.emit('error', new BodyTooSlow('The request body took too long to arrive.'))
}
