import type { IncomingHttpHeaders } from 'node:http'

/** Why a resource server has refused the proof or the token of a request. */
export type Challenge = 'use_dpop_nonce' | 'invalid_token'

/** What a response challenges us to do otherwise (RFC 9449 §9, RFC 6750 §3.1); null if nothing. */
export function challengeOf(response: { statusCode: number; headers: IncomingHttpHeaders }): Challenge | null {
  if (response.statusCode !== 401) return null
  const header = String(response.headers['www-authenticate'] ?? '')
  const error = /^(?:DPoP|Bearer)\b.*?\berror="?(use_dpop_nonce|invalid_token)\b/i.exec(header)?.[1]
  return error === undefined ? null : (error.toLowerCase() as Challenge)
}
