import { isLoopbackAddress } from '../config/fields.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ClientBinding } from './client-binding.ts'

type Options = {
  returnTo: string | null
  frontendUrl: string
  binding: ClientBinding
}

/**
 * Where a flow returns to, as an absolute URL: a path on the frontend or, for a client that listens on its own machine
 * (RFC 8252 §7.3) and is bound by a challenge, a loopback URL. Nothing else, or the gateway were an open redirector (RFC 9700 §4.11).
 * @throws GatewayError BAD_USER_INPUT
 */
export function resolveReturnTo({ returnTo, frontendUrl, binding }: Options): string {
  if (returnTo === null) return new URL('/', frontendUrl).href
  const url = isPath(returnTo) ? URL.parse(returnTo, frontendUrl) : null
  // Whatever the parser makes of the text, the answer stays on the frontend.
  if (url !== null && url.origin === new URL(frontendUrl).origin) return url.href
  if (binding.kind === 'challenge') {
    const loopback = URL.parse(returnTo)
    if (loopback !== null && isLoopbackUrl(loopback)) return loopback.href
  }
  throw new GatewayError(
    'BAD_USER_INPUT',
    binding.kind === 'challenge'
      ? 'The return address must be a path on the frontend such as /settings, or http on 127.0.0.1.'
      : 'The return address must be a path on the frontend, such as /settings.',
  )
}

/** The return address with what became of the flow. */
export function withOutcome(returnTo: string, outcome: Record<string, string>): string {
  const url = new URL(returnTo)
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value)
  return url.href
}

/** Browsers read `//host` and `/\host` as another host, and drop tabs and line breaks first. */
function isPath(text: string): boolean {
  return /^\/(?![/\\])/.test(text) && !/[\\\p{Cc}]/u.test(text)
}

function isLoopbackUrl(url: URL): boolean {
  return url.protocol === 'http:' && isLoopbackAddress(url.hostname) && url.username === '' && url.password === ''
}
