import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import type { Runtime } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { isProbe } from './probes.ts'

/** In seconds. Behind a load balancer another replica takes the retry; alone, the gateway is started again by then. */
const RETRY_AFTER = 5

/**
 * In milliseconds: how long connections are waited for on which no request waits for its answer. What they sent before
 * they knew arrives in this time, and what was answered leaves.
 */
const GRACE = 500

/** In milliseconds. Not every step of a connection has an event, such as an answer that its client does not read. */
const LOOK_EVERY = 10

/** It knows its request, as `req`. */
type Response = ServerResponse<IncomingMessage>

/** The connections of a server that ends. */
export interface Draining {
  /**
   * Waits until the server, which the caller closes, accepts no more connections, and until each request under way has
   * its answer, `ms` milliseconds at most. Then ends every connection. What holds a place only does not hold this: silent connections, bodies
   * that do not arrive, answers that nobody reads.
   * @returns how many requests were cut off without their answer
   */
  finish(ms: number): Promise<number>
}

/** Tells clients to connect anew elsewhere as soon as the process is leaving, and follows what is under way. */
export function drainConnections(server: Server, { leaving }: Pick<Runtime, 'leaving'>): Draining {
  const sockets = new Set<Socket>()
  const underWay = new Set<Response>()
  function forget(this: Response): void {
    underWay.delete(this)
  }

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // Before the server's own listener, which may answer at once.
  server.prependListener('request', (_request, response: Response) => {
    underWay.add(response)
    response.on('close', forget)
    if (leaving.aborted) endConnectionAfter(response)
  })
  leaving.addEventListener('abort', () => underWay.forEach(endConnectionAfter), { once: true })

  /** Those whose request is complete and whose answer is not. */
  const waiting = () =>
    [...underWay].filter((response) => response.req.complete && !response.writableEnded && !response.destroyed)

  return {
    async finish(ms) {
      const deadline = performance.now() + ms
      const graceEnd = () => Math.min(performance.now() + GRACE, deadline)
      await until(() => !server.listening, deadline)
      await until(() => sockets.size === 0, graceEnd())
      for (const response of underWay) if (!response.req.complete) refuseHalfSent(response)
      await until(() => waiting().length === 0, deadline)
      const cutOff = waiting().length
      await until(() => underWay.size === 0, graceEnd())
      for (const socket of sockets) socket.destroy()
      return cutOff
    },
  }
}

/**
 * Refuses what begins once the server is closing.
 * @throws GatewayError SERVICE_UNAVAILABLE
 */
export function refuseWhenClosing({ closing }: Pick<Runtime, 'closing'>) {
  return (request: FastifyRequest): void => {
    if (closing.aborted && !isProbe(request)) throw shuttingDown()
  }
}

/** The gateway ends, and does nothing more that is not under way. */
export function shuttingDown(): GatewayError {
  return new GatewayError('SERVICE_UNAVAILABLE', 'The gateway is shutting down. Try again in a moment.', {
    retryAfter: RETRY_AFTER,
  })
}

/** Node.js then sends `Connection: close` (RFC 9112 §9.6), unless the headers have left already. */
function endConnectionAfter(response: ServerResponse): void {
  response.shouldKeepAlive = false
}

/**
 * Answers a request whose body has not arrived. Nothing was done for it, and its client is told so. Destroying the
 * request instead would close the connection without an answer.
 */
function refuseHalfSent(response: Response): void {
  if (response.req.listenerCount('error') === 0) response.destroy()
  else response.req.emit('error', shuttingDown())
}

async function until(condition: () => boolean, deadline: number): Promise<void> {
  while (!condition() && performance.now() < deadline) await setTimeout(LOOK_EVERY)
}
