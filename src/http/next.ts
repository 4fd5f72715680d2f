import type { Config } from '../config/config.ts'
import { OWN_PATHS } from '../config/fields.ts'

type Places = Pick<Config, 'publicUrl' | 'allowedOrigins' | 'serviceOrigins'>

/** In characters: the longest return address of a flow, in which it is carried. */
const LONGEST = 2048

/**
 * The page that a sign-in goes on to, if it may: one on an origin of this gateway, its frontends or its services.
 * Elsewhere it would be an open redirector (RFC 9700 §4.11).
 */
export function readNext(text: unknown, places: Places): string | null {
  const url = typeof text === 'string' && text.length <= LONGEST ? URL.parse(text) : null
  return url !== null && mayGoOnTo(url, places) ? url.href : null
}

export function mayGoOnTo(url: URL, { publicUrl, allowedOrigins, serviceOrigins }: Places): boolean {
  const isKnown = allowedOrigins.includes(url.origin) || serviceOrigins.includes(url.origin)
  if (!isKnown || url.username !== '' || url.password !== '') return false
  return url.origin !== publicUrl || !isOwnPath(url.pathname)
}

/**
 * Whether a path is one of the gateway's own. The portal's script would begin a sign-in there that nobody is asked
 * about, since it comes from a page of the gateway: login CSRF by a link (RFC 9700 §4.7).
 */
function isOwnPath(pathname: string): boolean {
  try {
    // As the router reads it.
    const [first] = decodeURIComponent(pathname)
      .split('/')
      .filter((part) => part !== '')
    return first !== undefined && OWN_PATHS.includes(first.toLowerCase())
  } catch {
    return true
  }
}
