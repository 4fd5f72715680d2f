import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CALLBACK_PATH, CLIENT_METADATA_PATH, JWKS_PATH } from '../atproto/client.ts'
import { GatewayError } from '../platform/errors.ts'
import { IDENTITY_JWKS_PATH, TOKEN_PATH } from './identity-token.ts'
import { isProbe } from './probes.ts'
import { VERIFY_PATH } from './verify.ts'

/**
 * What people who are signed in, or half-way, cannot do without. The metadata is what a server reads before it sends
 * somebody back.
 */
const SHED_LAST = new Set<string | undefined>([
  '/graphql',
  VERIFY_PATH,
  TOKEN_PATH,
  IDENTITY_JWKS_PATH,
  CALLBACK_PATH,
  CLIENT_METADATA_PATH,
  JWKS_PATH,
])

/** How many times the delay of the others these bear. */
const LAST_FACTOR = 4

/** Above this share of the heap the process ends soon: V8 collects garbage ever more often, and then gives up. */
const MAX_HEAP = 0.9

/** In seconds. The measurements are renewed each second. */
const RETRY_AFTER = 5

/**
 * Refuses requests while the process cannot keep up, so that those that it takes are answered in time: 503 before
 * anything is read, looked up or executed.
 * @param maxEventLoopDelay in milliseconds, the mean of a second; null to refuse none
 */
export async function shedLoad(server: FastifyInstance, maxEventLoopDelay: number | null): Promise<void> {
  if (maxEventLoopDelay === null) return
  await server.register(underPressure, {
    maxEventLoopDelay,
    maxHeapUsedBytes: MAX_HEAP * getHeapStatistics().heap_size_limit,
    pressureHandler: pressureHandler(maxEventLoopDelay),
  })
}

/** Decides what becomes of a request while there is pressure of one type, whose size is `value`. */
export function pressureHandler(maxEventLoopDelay: number) {
  return async (
    request: Pick<FastifyRequest, 'routeOptions'>,
    _reply: FastifyReply,
    type: string,
    value: number | undefined,
  ): Promise<void> => {
    const isBearable = type === underPressure.TYPE_EVENT_LOOP_DELAY && (value ?? 0) <= LAST_FACTOR * maxEventLoopDelay
    if (isBearable && SHED_LAST.has(request.routeOptions.url)) return
    // A supervisor that is refused restarts the process, which is no help to anybody.
    if (isProbe(request)) return
    throw new GatewayError('SERVICE_UNAVAILABLE', 'The gateway has more requests than it can answer. Try again soon.', {
      retryAfter: RETRY_AFTER,
    })
  }
}
