import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../platform/errors.ts'

/** What a script's own request or an element with media is for (Fetch Metadata, `Sec-Fetch-Dest`). */
const DATA = new Set<unknown>([undefined, 'empty', 'image', 'audio', 'video'])

/**
 * Refuses a call by cookie that no page of an allowed origin makes, whether it reads or writes: what it answers comes
 * from a stranger's server. A page of another origin can neither send the account's header without a preflight, nor
 * say that it is of the same origin. See OWASP CSRF, "Fetch Metadata".
 * @throws GatewayError FORBIDDEN
 */
export function refuseForeignCall(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): void {
  if (headers['sec-fetch-mode'] === 'navigate' || !DATA.has(headers['sec-fetch-dest'])) {
    throw refused('This address is for scripts and media, and not to be opened as a page or run.', headers)
  }
  if (isAllowed(headers, allowedOrigins)) return
  throw refused(
    'With a cookie this needs an allowed Origin, a page of the gateway, or the header Atgate-Account. Add the origin ' +
      'to CORS_ORIGINS if it is a frontend of this gateway.',
    headers,
  )
}

function isAllowed(headers: IncomingHttpHeaders, allowedOrigins: readonly string[]): boolean {
  if (headers.origin !== undefined) return allowedOrigins.includes(headers.origin)
  const site = headers['sec-fetch-site']
  return site === undefined ? headers['atgate-account'] !== undefined : site === 'same-origin'
}

function refused(message: string, headers: IncomingHttpHeaders): GatewayError {
  const detail = `origin ${headers.origin ?? 'absent'}, ${headers['sec-fetch-site'] ?? 'no'} fetch site`
  return new GatewayError('FORBIDDEN', message, { detail })
}
