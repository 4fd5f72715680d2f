import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'

/**
 * Refuses a change that another site makes with the user's cookies (CSRF). Browsers name the origin of every POST; the ones that
 * name none are no browsers, or say at least how foreign the request is (Fetch Metadata). OWASP CSRF, "Verifying Origin".
 * @throws GatewayError FORBIDDEN
 */
export function refuseForeignOrigin({ headers }: FastifyRequest, allowedOrigins: readonly string[]): void {
  const allowed =
    headers.origin === undefined ? isFromHere(headers['sec-fetch-site']) : allowedOrigins.includes(headers.origin)
  if (allowed) return
  throw new GatewayError(
    'FORBIDDEN',
    'Requests from this origin are not allowed. Add it to CORS_ORIGINS if it is a frontend of this gateway.',
    { detail: `origin ${headers.origin ?? 'absent'}` },
  )
}

function isFromHere(fetchSite: string | string[] | undefined): boolean {
  return fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
}
