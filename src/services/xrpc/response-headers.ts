import type { IncomingHttpHeaders } from 'node:http'
import { harmlessType, isJson } from './content-type.ts'

/**
 * What of a response passes to the client. Never what a browser acts on: cookies, redirects, `Clear-Site-Data`, `Link`,
 * CORS, caching, and what concerns our grant.
 */
const PASSED = [
  'accept-ranges',
  'atproto-content-labelers',
  'atproto-repo-rev',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'ratelimit-limit',
  'ratelimit-policy',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
] as const

/**
 * A PDS is a stranger's, and answers here on the origin of the session cookie. Nothing that it sends may become a page:
 * were it opened all the same, it would run nothing and be of no origin (CSP, "sandbox").
 */
const CONFINED = {
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

/** Chooses the headers that pass to the client, and adds those by which a browser runs nothing of it. */
export function passedResponseHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const passed: Record<string, string> = { ...CONFINED }
  for (const name of PASSED) {
    const value = headers[name]
    if (typeof value === 'string') passed[name] = value
  }
  const given = headers['content-type']
  // Clients take a type for a body.
  if (given === undefined && headers['content-length'] === '0') return passed
  const type = harmlessType(typeof given === 'string' ? given : null)
  passed['content-type'] = type
  if (!isJson(type)) passed['content-disposition'] = 'attachment'
  return passed
}
