import { hash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { GatewayError } from '../platform/errors.ts'
import { newSecret } from '../platform/random.ts'

/**
 * Who began a flow, so that nobody else finishes it: the browser that holds a cookie, or the client that knows the
 * verifier of a challenge. This stops login CSRF and session fixation (RFC 9700 §4.7), and makes a leaked exchange
 * token useless.
 */
export const clientBindingSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cookie'), hash: z.string() }),
  // `challenge` is BASE64URL(SHA256(verifier)), as S256 in RFC 7636 §4.2.
  z.object({ kind: z.literal('challenge'), challenge: z.string() }),
])

export type ClientBinding = z.output<typeof clientBindingSchema>

/** What a client presents to prove that it began the flow. */
export type ClientProof = { clientCookie: string | null; verifier: string | null }

/** The value of a new client cookie. */
export const newClientCookie = newSecret

/** Binds a flow to the browser that holds this client cookie. */
export function bindToCookie(clientCookie: string): ClientBinding {
  return { kind: 'cookie', hash: s256(clientCookie) }
}

/**
 * Binds a flow to a client that holds no cookies.
 * @throws GatewayError BAD_USER_INPUT when the challenge is not a SHA-256 in base64url.
 */
export function bindToChallenge(challenge: string): ClientBinding {
  if (/^[\w-]{43}$/.test(challenge)) return { kind: 'challenge', challenge }
  throw new GatewayError(
    'BAD_USER_INPUT',
    'The exchange challenge must be the SHA-256 of the verifier in base64url: 43 characters, no padding.',
  )
}

/**
 * Whether a callback came to the browser that began the flow. A challenge-bound flow may return through any browser:
 * it yields nothing before its exchange, and that needs the verifier.
 */
export function mayReturnThrough(binding: ClientBinding, clientCookie: string | null): boolean {
  return binding.kind === 'challenge' || cookieMatches(binding, clientCookie)
}

/** Whether the client that wants to exchange is the one that began the flow. */
export function isProvenBy(binding: ClientBinding, { clientCookie, verifier }: ClientProof): boolean {
  switch (binding.kind) {
    case 'cookie':
      return cookieMatches(binding, clientCookie)
    case 'challenge':
      return verifier !== null && equal(s256(verifier), binding.challenge)
  }
}

function cookieMatches(binding: { hash: string }, clientCookie: string | null): boolean {
  return clientCookie !== null && equal(s256(clientCookie), binding.hash)
}

function s256(text: string): string {
  return hash('sha256', text, 'base64url')
}

function equal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
