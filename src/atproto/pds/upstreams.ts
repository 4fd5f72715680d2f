import type { Readable } from 'node:stream'
import { checkUnicastPolicy, unicastLookup } from '@atproto-labs/fetch-node'
import { Agent, type Dispatcher } from 'undici'
import { MINUTE, SECOND } from '../../platform/clock.ts'
import { GatewayError } from '../../platform/errors.ts'
import { createPlaces } from '../../platform/places.ts'
import { pdsUnavailable } from './pds-unavailable.ts'

/** The body that we were to send did not come to its end. */
export class BodyIncomplete extends Error {
  override readonly name = 'BodyIncomplete'
}

/** One request to a server of a stranger. */
export type UpstreamRequest = {
  /** The origin of the server. */
  origin: string
  method: 'GET' | 'HEAD' | 'POST'
  /** Path and query. */
  path: string
  headers: Record<string, string>
  body: Buffer | AsyncIterable<Buffer> | null
  signal: AbortSignal
}

export type UpstreamResponse = Dispatcher.ResponseData

/** The connections to users' servers. Unlike the fetch for metadata it streams, in both directions and of any size. */
export interface Upstreams {
  /**
   * Sends a request. The body of the response has to be read or destroyed. Nothing is decompressed, and no redirect is
   * followed.
   * @throws GatewayError PDS_UNAVAILABLE, and whatever the signal or the body reject with
   */
  request(request: UpstreamRequest): Promise<UpstreamResponse>
  close(): Promise<void>
}

/** In milliseconds, and how many requests one server gets at a time. */
export type UpstreamLimits = {
  /** Until a connection stands, TLS included. */
  connect: number
  /** From a complete request to the headers of its answer. A PDS may ask another server in between. */
  headers: number
  /** In which nothing of a body arrives, unless its reader is behind. */
  silence: number
  /** For which a connection waits for its next request, if the server does not say. */
  idle: number
  perOrigin: number
}

export const UPSTREAM_LIMITS: UpstreamLimits = {
  connect: 10 * SECOND,
  headers: 1 * MINUTE,
  silence: 1 * MINUTE,
  idle: 10 * SECOND,
  perOrigin: 512,
}

/** In bytes. Those of a PDS have one or two thousand. */
const MAX_HEADERS = 16 * 1024

/**
 * @param options with `allowInsecure` (the sandbox, whose PDS is on http://localhost) addresses are not checked
 */
export function createUpstreams({
  allowInsecure,
  limits = UPSTREAM_LIMITS,
}: {
  allowInsecure: boolean
  limits?: UpstreamLimits
}): Upstreams {
  const agent = new Agent({
    connect: { timeout: limits.connect, ...(allowInsecure ? {} : { lookup: unicastLookup }) },
    connections: limits.perOrigin,
    headersTimeout: limits.headers,
    bodyTimeout: limits.silence,
    keepAliveTimeout: limits.idle,
    maxHeaderSize: MAX_HEADERS,
    // One slow stream must not hold up others on its connection.
    allowH2: false,
  })
  const places = createPlaces(limits.perOrigin)

  async function send(request: UpstreamRequest): Promise<UpstreamResponse> {
    const leave = places.take(request.origin)
    if (leave === null) throw pdsUnavailable('has too many requests to answer', { detail: request.origin })
    try {
      // The types know no async iterable, which undici takes as well as a stream.
      const response = await agent.request({ ...request, body: request.body as Buffer | Readable | null })
      response.body.once('close', leave)
      // Without a listener, a server that dies before anybody reads would end the process.
      response.body.on('error', () => undefined)
      return response
    } catch (error) {
      leave()
      throw error
    }
  }

  return {
    async request(request) {
      if (!allowInsecure) requirePublic(request.origin)
      try {
        return await sendAgainIfStale(send, request)
      } catch (error) {
        if (request.signal.aborted || !isFailure(error)) throw error
        throw pdsUnavailable('does not answer', { cause: error })
      }
    },
    // Requests that are still under way have had their time.
    close: () => agent.destroy(),
  }
}

/**
 * Refuses a server that is not on https, or whose address is a private one. Names are checked when they are resolved,
 * by the lookup; addresses never get there (OWASP SSRF, "Network layer").
 */
function requirePublic(origin: string): void {
  const url = new URL(origin)
  const reason = url.protocol === 'https:' ? checkUnicastPolicy(url) : 'not on https'
  if (reason !== undefined) throw pdsUnavailable('cannot be reached', { detail: `${origin}: ${reason}` })
}

/**
 * A server may close a connection just when the next request is sent on it. What changes nothing is then sent once
 * more; of a change nobody knows whether it was made.
 */
async function sendAgainIfStale(
  send: (request: UpstreamRequest) => Promise<UpstreamResponse>,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  try {
    return await send(request)
  } catch (error) {
    if (request.method === 'POST' || request.signal.aborted || !STALE.has(codeOf(error))) throw error
    return send(request)
  }
}

const STALE = new Set<unknown>(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Whether the server or the way to it failed; else the error is of what we send. */
function isFailure(error: unknown): boolean {
  return !(error instanceof GatewayError) && !(error instanceof BodyIncomplete)
}
