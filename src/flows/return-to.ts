import type { Config } from '../config/config.ts'
import { isLoopbackAddress } from '../config/fields.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ClientBinding } from './client-binding.ts'

type Options = {
  returnTo: string | null
  config: Pick<Config, 'frontendUrl' | 'allowedOrigins' | 'returnUrls'>
  binding: ClientBinding
}

/** The longest return address, in characters. It is stored with the flow, and its outcome is appended. */
const LONGEST = 2048

/**
 * Where a flow returns to, as an absolute URL. A browser's flow returns to a frontend of this gateway. A
 * challenge-bound flow returns to the device of the client that began it: a loopback URL (RFC 8252 §7.3) or one of
 * RETURN_URLS. Nothing else is allowed, or the gateway would be an open redirector (RFC 9700 §4.11); and a
 * challenge-bound flow that returned to a page would leave an exchange token there that the client of another person
 * can redeem.
 * @throws GatewayError BAD_USER_INPUT
 */
export function resolveReturnTo({ returnTo, config, binding }: Options): string {
  if (returnTo !== null && returnTo.length > LONGEST) {
    throw new GatewayError('BAD_USER_INPUT', `The return address must be no longer than ${LONGEST} characters.`)
  }
  const url = binding.kind === 'challenge' ? deviceUrl(returnTo, config.returnUrls) : frontendUrl(returnTo, config)
  if (url !== null) return url.href
  throw new GatewayError(
    'BAD_USER_INPUT',
    binding.kind === 'challenge'
      ? 'With an exchange challenge, give a return address: http on 127.0.0.1 or [::1], or one of RETURN_URLS.'
      : 'The return address must be a path such as /settings, or a URL on a frontend of this gateway.',
  )
}

/** The return address with the outcome of the flow in its query. */
export function withOutcome(returnTo: string, outcome: Record<string, string>): string {
  const url = new URL(returnTo)
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value)
  return url.href
}

function frontendUrl(returnTo: string | null, config: Options['config']): URL | null {
  if (returnTo === null) return new URL('/', config.frontendUrl)
  if (isPath(returnTo)) {
    const url = URL.parse(returnTo, config.frontendUrl)
    // However the parser reads the text, the result must stay on the frontend.
    return url?.origin === new URL(config.frontendUrl).origin ? url : null
  }
  const url = /^https?:\/\//.test(returnTo) ? URL.parse(returnTo) : null
  if (url === null || url.username !== '' || url.password !== '') return null
  return config.allowedOrigins.includes(url.origin) ? url : null
}

function deviceUrl(returnTo: string | null, returnUrls: readonly string[]): URL | null {
  const url = returnTo === null ? null : URL.parse(returnTo)
  if (url === null) return null
  return isLoopbackUrl(url) || returnUrls.includes(url.href) ? url : null
}

/** Browsers read `//host` and `/\host` as another host, and remove tabs and line breaks first. */
function isPath(text: string): boolean {
  return /^\/(?![/\\])/.test(text) && !/[\\\p{Cc}]/u.test(text)
}

function isLoopbackUrl(url: URL): boolean {
  return url.protocol === 'http:' && isLoopbackAddress(url.hostname) && url.username === '' && url.password === ''
}
