import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import { MINUTE, SECOND } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'

/** How long connections may take, in milliseconds, and how many there may be. */
export type ConnectionLimits = {
  /** Until the headers of a request are complete, from when the connection opens or the request begins. */
  headers: number
  /** Until a request is complete, with its body. */
  request: number
  /** The same for a body that passes through to a PDS. */
  upload: number
  /** Between two requests. */
  betweenRequests: number
  /** In which nothing is sent and nothing received, while a request is answered. */
  silence: number
  /** How often an event stream has a comment, by which it is not silent. */
  comments: number
  /** How often connections are checked for the first two. */
  checks: number
  connections: number
}

/**
 * Slow phones keep to these, and connections that only hold a place do not. A body has at most 32 KB, which takes 30
 * seconds at 9 kbit/s.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  headers: 10 * SECOND,
  request: 30 * SECOND,
  // 100 MB at 450 kbit/s. A connection on which nothing comes is closed long before.
  upload: 30 * MINUTE,
  // Longer than nginx and the load balancers of clouds keep theirs, 60 seconds: they would send a request into a
  // connection that closes.
  betweenRequests: 65 * SECOND,
  // A start of a flow can ask four servers of strangers one after another, each for 10 seconds. Of event streams this
  // ends only those that nobody reads.
  silence: 2 * MINUTE,
  comments: 12 * SECOND,
  checks: 5 * SECOND,
  // At about 20 KB each. Half of them can be event streams; what comes between needs far fewer.
  connections: 10_000,
}

/** The limits as options of the server. */
export function connectionOptions(limits: ConnectionLimits) {
  return {
    http: { headersTimeout: limits.headers, connectionsCheckingInterval: limits.checks },
    requestTimeout: limits.upload,
    keepAliveTimeout: limits.betweenRequests,
    connectionTimeout: limits.silence,
  } satisfies FastifyHttpOptions<Server>
}

/** Refuses connections beyond the bound. The log has a line a minute of it at most. */
export function boundConnections(server: Server, limits: ConnectionLimits, logger: Pick<Logger, 'warn'>): void {
  let silentUntil = 0
  server.maxConnections = limits.connections
  server.on('drop', () => {
    const now = performance.now()
    if (now < silentUntil) return
    silentUntil = now + MINUTE
    logger.warn({ connections: limits.connections }, 'connections refused: there are too many')
  })
}
