import type { Config } from '../config/config.ts'

type Places = Pick<Config, 'allowedOrigins' | 'serviceOrigins'>

/**
 * Whether a sign-in may go on to a URL: on an origin of this gateway, its frontends or its services. Elsewhere it would
 * be an open redirector (RFC 9700 §4.11).
 */
export function mayGoOnTo(url: URL, { allowedOrigins, serviceOrigins }: Places): boolean {
  const isKnown = allowedOrigins.includes(url.origin) || serviceOrigins.includes(url.origin)
  return isKnown && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}
