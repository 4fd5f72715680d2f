import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Gateway } from '../gateway.ts'
import { createPlaces } from '../platform/places.ts'
import { CALLS_PER_SESSION, forward, type XrpcRequest } from '../services/xrpc/forward.ts'
import { requireReachable } from '../services/xrpc/method-rules.ts'
import { readBody } from '../services/xrpc/request-body.ts'
import { boundServiceAuth } from '../services/xrpc/service-auth.ts'
import { bearerToken } from '../sessions/authenticate.ts'
import { identify } from '../sessions/identify.ts'
import { clientRequest } from './client-request.ts'
import { refuseForeignCall } from './cookie-call.ts'
import type { Cookies } from './cookies.ts'
import { passOn } from './pass-on.ts'

const URL_PATTERN = '/xrpc/:nsid'

/** In characters (atproto "NSID"). */
export const LONGEST_NSID = 317

type Call = FastifyRequest<{ Params: { nsid: string } }>

/** Whether a request is one whose body passes on to a PDS. */
export function isXrpc({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>): boolean {
  return routeOptions.url === URL_PATTERN
}

/**
 * `GET`, `HEAD` and `POST /xrpc/:nsid`: calls the PDS of the account, or a service through it (`atproto-proxy`).
 * docs/xrpc.md says how frontends and scripts use it.
 */
export function xrpc(gateway: Gateway, cookies: Cookies) {
  const handler = xrpcHandler(gateway, cookies)
  return async (server: FastifyInstance): Promise<void> => {
    // Bodies are of any type and any size, and none is read before it is known whose it is.
    server.removeAllContentTypeParsers()
    server.addContentTypeParser('*', (_request, _payload, done) => done(null))
    server.route({ method: ['GET', 'HEAD', 'POST'], url: URL_PATTERN, handler })
  }
}

function xrpcHandler(gateway: Gateway, cookies: Cookies) {
  const { config, atproto, runtime } = gateway
  const parts = { atproto, places: createPlaces(CALLS_PER_SESSION) }

  return async (request: Call, reply: FastifyReply): Promise<FastifyReply> => {
    const nsid = requireReachable(request.params.nsid)
    const search = searchOf(request)
    if (bearerToken(request.headers.authorization) === undefined) {
      refuseForeignCall(request.headers, config.allowedOrigins)
      boundServiceAuth({ nsid, search, audiences: config.serviceAuthAudiences, now: runtime.clock() })
    }
    const { viewer } = await identify(gateway, clientRequest(request, cookies))
    const signal = goneSignal(reply)
    const answer = await forward(parts, {
      session: viewer.session,
      method: request.method as XrpcRequest['method'],
      nsid,
      search,
      headers: request.headers,
      readBody: () => readBody(request.raw, { length: lengthOf(request) }),
      signal,
    }).catch((error: unknown) => {
      if (signal.aborted) return null
      throw error
    })
    return answer === null ? leave(reply) : passOn(reply, answer)
  }
}

/** The query byte for byte: an `@` or a `+` that were written anew could mean something else. */
function searchOf({ raw }: FastifyRequest): string {
  const { url = '' } = raw
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start)
}

function lengthOf({ headers }: FastifyRequest): number | null {
  const length = headers['content-length']
  return length === undefined ? null : Number(length)
}

/** Aborted when the client leaves before its answer is complete. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort()
  })
  if (raw.destroyed) gone.abort()
  return gone.signal
}

/** Nobody is there to be answered. */
function leave(reply: FastifyReply): FastifyReply {
  reply.hijack()
  reply.raw.destroy()
  return reply
}
