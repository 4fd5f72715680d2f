import type { IncomingHttpHeaders } from 'node:http'

/**
 * What of a request a PDS is told. Never who the client is or where it comes from: cookies, tokens, `Origin`, `Referer`
 * and `Forwarded` stay here.
 */
const PASSED = [
  'accept',
  'accept-encoding',
  'accept-language',
  'atproto-accept-labelers',
  'atproto-proxy',
  'range',
  'x-bsky-topics',
] as const

/** And of its body. */
const PASSED_WITH_BODY = ['content-encoding', 'content-type'] as const

/** Chooses the headers that pass to the PDS. */
export function passedRequestHeaders(
  headers: IncomingHttpHeaders,
  { hasBody }: { hasBody: boolean },
): Record<string, string> {
  const dropped = namedByConnection(headers)
  const passed: Record<string, string> = { 'user-agent': 'atgate' }
  for (const name of [...PASSED, ...(hasBody ? PASSED_WITH_BODY : [])]) {
    const value = headers[name]
    if (typeof value === 'string' && !dropped.has(name)) passed[name] = value
  }
  return passed
}

/** The client has declared these to be for the next hop alone (RFC 9110 §7.6.1). */
function namedByConnection({ connection = '' }: IncomingHttpHeaders): Set<string> {
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}
