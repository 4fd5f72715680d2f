import { GatewayError } from '../../platform/errors.ts'
import type { HeldGrant } from '../grants/grant.ts'
import { tokenLife } from '../grants/token-life.ts'
import { type Challenge, challengeOf } from './challenge.ts'
import { createDpopProofs, type DpopProofs } from './dpop-proof.ts'
import { createNonces, type Nonces } from './nonces.ts'
import type { UpstreamRequest, UpstreamResponse, Upstreams } from './upstreams.ts'

/** The body of a call: kept, so that it can be sent again, or passing through. */
export type CallBody = { kind: 'kept'; bytes: Buffer | null } | { kind: 'passing'; chunks: AsyncIterable<Buffer> }

export type PdsCall = Omit<UpstreamRequest, 'body'> & { body: CallBody }

/** A grant with which a call is made. */
export type CallGrant = {
  held: HeldGrant
  /** Gives what replaces a token set whose access token was refused; null if there is nothing newer. */
  replaceRefused(refused: HeldGrant): Promise<HeldGrant | null>
}

/** Calls to the servers of accounts, with their grants (DPoP, RFC 9449). */
export interface PdsCalls {
  /**
   * Makes a call. A nonce that the server does not take and an access token that it refuses are replaced, once each,
   * and the call is repeated; any other response is given as it is. Its body has to be read or destroyed.
   * @throws GatewayError PDS_UNAVAILABLE; RETRY where the call would have to be repeated and its body has gone; and
   * whatever `replaceRefused` and the signal reject with
   */
  send(grant: CallGrant, call: PdsCall): Promise<UpstreamResponse>
}

type Parts = { upstreams: Pick<Upstreams, 'request'>; proofs: DpopProofs; nonces: Nonces }

/** In milliseconds. A token that ends sooner is refreshed before a body that cannot be sent twice. */
const NEARLY_ENDED = 60_000

/** How often the server may ask for another nonce in one call. */
const MAX_NONCES = 2

export function createPdsCalls({ upstreams }: { upstreams: Pick<Upstreams, 'request'> }): PdsCalls {
  const parts = { upstreams, proofs: createDpopProofs(), nonces: createNonces() }
  return {
    async send(grant, call) {
      if (call.body.kind === 'kept') return sendKept(parts, grant, { ...call, body: call.body.bytes })
      return sendPassing(parts, grant, { ...call, body: call.body.chunks })
    },
  }
}

async function sendKept(
  parts: Parts,
  { held, replaceRefused }: CallGrant,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  let current = held
  let nonces = 0
  for (;;) {
    const response = await attempt(parts, current, request)
    const challenge = challengeOf(response)
    if (challenge === null) return response
    if (challenge === 'use_dpop_nonce') {
      discard(response)
      if (++nonces > MAX_NONCES) throw retry(challenge)
    } else {
      const newer = current === held ? await orDiscard(response, replaceRefused(held)) : null
      if (newer === null) return response
      discard(response)
      current = newer
    }
  }
}

/** Makes a refusal unlikely beforehand, since what has been sent cannot be sent again. */
async function sendPassing(
  parts: Parts,
  { held, replaceRefused }: CallGrant,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  const endsIn = tokenLife(held.grant).endsIn ?? Number.POSITIVE_INFINITY
  const current = endsIn < NEARLY_ENDED ? ((await replaceRefused(held)) ?? held) : held
  if (!parts.nonces.isFresh(request.origin)) await prime(parts, request)
  const response = await attempt(parts, current, request)
  const challenge = challengeOf(response)
  if (challenge === null) return response
  if (challenge === 'invalid_token' && (await orDiscard(response, replaceRefused(current))) === null) return response
  discard(response)
  throw retry(challenge)
}

async function attempt(
  { upstreams, proofs, nonces }: Parts,
  { grant: { tokenSet, dpopJwk } }: HeldGrant,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  const { origin, method, path } = request
  const url = origin + path.split('?', 1)[0]
  const accessToken = tokenSet.access_token
  const dpop = proofs.sign(dpopJwk, { method, url, accessToken, nonce: nonces.of(origin) })
  const headers = { ...request.headers, authorization: `DPoP ${accessToken}`, dpop }
  const response = await upstreams.request({ ...request, headers })
  nonces.note(origin, response.headers['dpop-nonce'])
  return response
}

/** Asks the server for a nonce: a call without a proof is refused, and the refusal carries one. */
async function prime({ upstreams, nonces }: Parts, { origin, signal }: UpstreamRequest): Promise<void> {
  const headers = { authorization: 'DPoP none' }
  const path = '/xrpc/com.atproto.server.getSession'
  const response = await upstreams.request({ origin, method: 'GET', path, headers, body: null, signal })
  nonces.note(origin, response.headers['dpop-nonce'])
  discard(response)
}

/** In bytes, and in milliseconds. What is larger or slower costs the connection. */
const DISCARDED = { limit: 16 * 1024, within: 5000 }

/** Reads the rest of a response that nobody needs, so that its connection can be used again. Not waited for. */
function discard({ body }: UpstreamResponse): void {
  body.dump({ limit: DISCARDED.limit, signal: AbortSignal.timeout(DISCARDED.within) }).catch(() => undefined)
}

async function orDiscard<T>(response: UpstreamResponse, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    discard(response)
    throw error
  })
}

function retry(challenge: Challenge): GatewayError {
  return new GatewayError('RETRY', 'The server of the account asked for the request once more. Send it again.', {
    detail: challenge,
    retryAfter: 1,
  })
}
