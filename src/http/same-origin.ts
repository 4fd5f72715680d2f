import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'

/**
 * Refuses a change that another site makes with the user's cookies (CSRF). Browsers send the origin with every POST. A
 * request without one is not from a browser, or has at least Fetch Metadata. See OWASP CSRF, "Verifying Origin".
 * @throws GatewayError FORBIDDEN
 */
export function refuseForeignOrigin({ headers }: FastifyRequest, allowedOrigins: readonly string[]): void {
  const allowed =
    headers.origin === undefined
      ? isAllowedFetchSite(headers['sec-fetch-site'])
      : allowedOrigins.includes(headers.origin)
  if (allowed) return
  throw new GatewayError(
    'FORBIDDEN',
    'Requests from this origin are not allowed. Add it to CORS_ORIGINS if it is a frontend of this gateway.',
    { detail: `origin ${headers.origin ?? 'absent'}` },
  )
}

function isAllowedFetchSite(fetchSite: string | string[] | undefined): boolean {
  return fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
}
