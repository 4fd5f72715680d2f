import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { GrantLost } from '../../atproto/grants/rows.ts'
import type { CallBody } from '../../atproto/pds/pds-calls.ts'
import { pdsUnavailable } from '../../atproto/pds/pds-unavailable.ts'
import type { UpstreamResponse } from '../../atproto/pds/upstreams.ts'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { Places } from '../../platform/places.ts'
import type { AccountSession } from '../../sessions/client.ts'
import { grantAtPds } from './grant-at-pds.ts'
import { passedRequestHeaders } from './request-headers.ts'
import { passedResponseHeaders } from './response-headers.ts'

/** A request of a client to the PDS of its account. */
export type XrpcRequest = {
  session: AccountSession
  method: 'GET' | 'HEAD' | 'POST'
  /** Checked by `requireReachable`. */
  nsid: string
  /** The query as it was sent, with its question mark. */
  search: string
  headers: IncomingHttpHeaders
  /** Reads the body. Called once, when all else stands. */
  readBody(): Promise<CallBody>
  /** Aborted when the client has gone. */
  signal: AbortSignal
}

/** What the client is answered. */
export type XrpcAnswer = { status: number; headers: Record<string, string>; body: Buffer | Readable }

export type ForwardParts = {
  atproto: Pick<Gateway['atproto'], 'identities' | 'grants' | 'pds'>
  /** Of each session: its calls that are under way. */
  places: Places
}

/**
 * In bytes. An answer of up to this length is collected: most are this short, to stream one takes longer, and one that
 * breaks off is then answered by an error.
 */
const LONGEST_COLLECTED = 16 * 1024

/** How many calls of a session are under way at once. */
export const CALLS_PER_SESSION = 128

/**
 * Sends a request to the account's PDS with the grant of the session, and gives what it answers in a form that a
 * browser may get.
 * @throws GatewayError NEEDS_REAUTHENTICATION, PDS_UNAVAILABLE, RETRY, RATE_LIMITED, SERVICE_UNAVAILABLE;
 * BodyIncomplete, and whatever the signal rejects with
 */
export async function forward(parts: ForwardParts, request: XrpcRequest): Promise<XrpcAnswer> {
  const leave = parts.places.take(request.session.id)
  if (leave === null) throw tooMany()
  try {
    const response = await send(parts, request)
    response.body.once('close', leave)
    return await toAnswer(response)
  } catch (error) {
    leave()
    if (error instanceof GrantLost) throw needsReauthentication(error)
    throw error
  }
}

async function send({ atproto }: ForwardParts, request: XrpcRequest): Promise<UpstreamResponse> {
  const { session, method, nsid, search, headers, signal } = request
  if (session.grant.state === 'lost') throw needsReauthentication()
  const { origin, held } = await grantAtPds({ atproto }, session)
  const body: CallBody = method === 'POST' ? await request.readBody() : { kind: 'kept', bytes: null }
  const { grants, pds } = atproto
  return pds.send(
    { held, replaceRefused: (refused) => grants.replaceRefused(refused) },
    {
      origin,
      method,
      path: `/xrpc/${nsid}${search}`,
      headers: { ...passedRequestHeaders(headers, { hasBody: method === 'POST' }), ...lengthOf(body, headers) },
      body,
      signal,
    },
  )
}

/** The length of a kept body is known to who sends it. */
function lengthOf({ kind }: CallBody, headers: IncomingHttpHeaders): Record<string, string> {
  const length = headers['content-length']
  return kind === 'passing' && length !== undefined ? { 'content-length': length } : {}
}

async function toAnswer({ statusCode, headers, body }: UpstreamResponse): Promise<XrpcAnswer> {
  const problem = problemOf(statusCode, headers)
  if (problem !== null) {
    body.destroy()
    throw pdsUnavailable(problem, { detail: `status ${statusCode}` })
  }
  const isShort = Number(headers['content-length']) <= LONGEST_COLLECTED
  return {
    status: statusCode,
    headers: passedResponseHeaders(headers),
    body: isShort ? await collected(body) : body,
  }
}

async function collected(body: UpstreamResponse['body']): Promise<Buffer> {
  try {
    return Buffer.from(await body.arrayBuffer())
  } catch (error) {
    throw pdsUnavailable('broke off in its answer', { cause: error })
  }
}

/** What no XRPC server answers: it comes from what stands before it, or from no XRPC server at all. */
function problemOf(status: number, headers: IncomingHttpHeaders): string | null {
  if (status >= 300 && status < 400) return 'redirects, which is not followed'
  if (status < 200 || status > 599) return 'answers what no client understands'
  const isFromProxy = status >= 502 && status <= 504 && !headers['content-type']?.includes('application/json')
  return isFromProxy ? 'is not available' : null
}

function needsReauthentication(cause?: GrantLost): GatewayError {
  return new GatewayError(
    'NEEDS_REAUTHENTICATION',
    'The server of the account does not honour this session any more. Sign in again.',
    { cause },
  )
}

function tooMany(): GatewayError {
  return new GatewayError('RATE_LIMITED', `This session has ${CALLS_PER_SESSION} calls under way. Wait for some.`, {
    retryAfter: 1,
  })
}
