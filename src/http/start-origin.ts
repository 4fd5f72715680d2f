import type { IncomingHttpHeaders } from 'node:http'

/**
 * Who began a start, as far as its headers say:
 * - `call`: a script of an allowed origin, or a client that is not a browser
 * - `here`: a page of an allowed origin that navigates the browser
 * - `elsewhere`: a link from anywhere else; the person is asked before anything happens
 * - `refused`: a script of another origin, a frame, or a prefetch, which nobody has asked for
 */
export type StartOrigin = 'call' | 'here' | 'elsewhere' | 'refused'

/**
 * Decides whether a start may go on by itself. If any link could begin one, a server that an attacker runs would sign
 * the victim in to the attacker's account without a click here (login CSRF, RFC 9700 §4.7), and end the victim's
 * sessions.
 */
export function startOrigin(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): StartOrigin {
  if (isPrefetch(headers) || isFrame(headers)) return 'refused'
  const mode = headers['sec-fetch-mode']
  if (mode !== 'navigate' && wantsJson(headers)) return isAllowedCall(headers, allowedOrigins) ? 'call' : 'refused'
  if (mode !== undefined && mode !== 'navigate') return 'refused'
  return isNavigationFromHere(headers, allowedOrigins) ? 'here' : 'elsewhere'
}

/** A browser sends the origin with every cross-origin request that a script can read. */
function isAllowedCall(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): boolean {
  if (headers.origin !== undefined) return allowedOrigins.includes(headers.origin)
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'same-origin'
}

/** Fetch Metadata says how far away the page is; where it leaves that open, the page has to name itself. */
function isNavigationFromHere(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  if (site === 'same-origin') return true
  if (site !== undefined && site !== 'same-site') return false
  const page = URL.parse(headers.origin ?? headers.referer ?? '')
  return page !== null && allowedOrigins.includes(page.origin)
}

function isPrefetch(headers: IncomingHttpHeaders): boolean {
  return /\b(prefetch|prerender)\b/.test(`${headers['sec-purpose'] ?? ''} ${headers.purpose ?? ''}`)
}

function isFrame(headers: IncomingHttpHeaders): boolean {
  const destination = headers['sec-fetch-dest']
  return headers['sec-fetch-mode'] === 'navigate' && destination !== undefined && destination !== 'document'
}

/** Whether a request asks for JSON instead of a page. */
export function wantsJson({ accept }: IncomingHttpHeaders): boolean {
  return accept?.includes('application/json') ?? false
}
