import { isIP } from 'node:net'
import { isAtprotoOauthScope } from '@atproto/oauth-scopes'
import { getDomain } from 'tldts'
import * as field from './fields.ts'
import { DEFAULT_PORT, type Values } from './settings.ts'

/** Checks settings against each other. A setting that did not parse is absent here, and is not checked again. */
export function contradictions(v: Partial<Values>): string[] {
  const publicUrl = new URL(v.PUBLIC_URL ?? `http://127.0.0.1:${v.PORT ?? DEFAULT_PORT}`)
  const problems = [
    ...urlContradictions(v, publicUrl),
    ...foreignServices(v, publicUrl),
    ...scopeMistakes(v),
    ...poolerMistakes(v),
  ]
  if (v.REDIS_SENTINEL_PASSWORD !== undefined && v.REDIS_URL?.kind !== 'sentinel') {
    problems.push('REDIS_SENTINEL_PASSWORD: says nothing without a REDIS_URL with redis+sentinel://')
  }
  if (v.DATABASE_URL !== undefined && v.ENCRYPTION_KEYS === undefined) {
    problems.push('ENCRYPTION_KEYS: required when DATABASE_URL is set; docs/configuration.md shows how to generate one')
  }
  if ((v.DEVELOPER_TOKEN_DEFAULT_DAYS ?? 0) > (v.DEVELOPER_TOKEN_MAX_DAYS ?? Number.POSITIVE_INFINITY)) {
    problems.push('DEVELOPER_TOKEN_DEFAULT_DAYS: must not be more than DEVELOPER_TOKEN_MAX_DAYS')
  }
  if (publicUrl.protocol === 'http:' && (v.OAUTH_PRIVATE_KEYS?.length ?? 0) > 0) {
    problems.push('OAUTH_PRIVATE_KEYS: a loopback client is always public; set an https PUBLIC_URL or remove the keys')
  }
  return problems
}

function poolerMistakes(v: Partial<Values>): string[] {
  const problems: string[] = []
  if (v.DATABASE_URL === undefined) {
    if (v.DIRECT_DATABASE_URL !== undefined) problems.push('DIRECT_DATABASE_URL: says nothing without DATABASE_URL')
    if (v.PGBOUNCER === true) problems.push('PGBOUNCER: says nothing without DATABASE_URL')
  } else if (v.PGBOUNCER === true && v.DIRECT_DATABASE_URL === undefined) {
    problems.push('DIRECT_DATABASE_URL: required with PGBOUNCER: migrations take a lock that a pooler cannot hold')
  }
  return problems
}

function urlContradictions(v: Partial<Values>, publicUrl: URL): string[] {
  const problems: string[] = []
  const loopback = publicUrl.protocol === 'http:'
  if (loopback && !field.isLoopbackAddress(publicUrl.hostname)) {
    problems.push(
      'PUBLIC_URL: must be https, or http on 127.0.0.1 for development (not localhost: the OAuth loopback client forbids it)',
    )
  }
  const frontend = new URL(v.FRONTEND_URL ?? publicUrl)
  if (loopback && frontend.hostname !== publicUrl.hostname) {
    problems.push(
      `FRONTEND_URL: must be on ${publicUrl.hostname} like PUBLIC_URL, or the browser withholds the session cookie from it`,
    )
  }
  if (loopback) return problems
  if (!isPublicName(publicUrl.hostname)) {
    problems.push(
      'PUBLIC_URL: must be on a public domain name such as auth.example.com: authorization servers fetch the client metadata there',
    )
  }
  // Servers fetch the client id with the protection against SSRF, which refuses ports, unless they are sandboxes.
  if (publicUrl.port !== '' && v.ALLOW_INSECURE_PDS !== true) {
    problems.push(
      'PUBLIC_URL: must have no port: authorization servers read no client id there. Let a proxy listen on 443',
    )
  }
  if (frontend.protocol === 'http:') problems.push('FRONTEND_URL: must be https, as PUBLIC_URL is')
  if (!isSameSite(publicUrl, frontend)) {
    problems.push(
      `FRONTEND_URL: must be on the same site as PUBLIC_URL (${getDomain(publicUrl.hostname, SITES)}), or browsers keep the session cookie from it`,
    )
  }
  return problems
}

/** The session cookie is host-only, and over https it is sent over https alone. */
function foreignServices({ SERVICE_ORIGINS = [] }: Partial<Values>, publicUrl: URL): string[] {
  const foreign = SERVICE_ORIGINS.map((origin) => new URL(origin)).filter(
    ({ protocol, hostname }) => protocol !== publicUrl.protocol || hostname !== publicUrl.hostname,
  )
  return foreign.map(
    ({ origin }) =>
      `SERVICE_ORIGINS: ${origin} must be ${publicUrl.protocol}//${publicUrl.hostname} with another port: the session cookie reaches no other host`,
  )
}

/**
 * Sites as browsers tell them apart for cookies: by the public suffix list, with the domains that hosts give to their
 * users.
 */
const SITES = { allowPrivateDomains: true }

/** Names that lead nowhere on the internet (RFC 6761, RFC 6762, RFC 9476), which authorization servers refuse. */
const SPECIAL_NAMES = new Set(['local', 'localhost', 'internal', 'test', 'invalid', 'alt', 'onion'])

function isPublicName(hostname: string): boolean {
  const labels = hostname.replace(/\.$/, '').split('.')
  return labels.length > 1 && isIP(hostname.replace(/^\[|\]$/g, '')) === 0 && !SPECIAL_NAMES.has(labels.at(-1) ?? '')
}

function isSameSite(a: URL, b: URL): boolean {
  if (a.hostname === b.hostname) return true
  const site = getDomain(a.hostname, SITES)
  return site !== null && site === getDomain(b.hostname, SITES)
}

function scopeMistakes(v: Partial<Values>): string[] {
  const problems: string[] = []
  if (v.OAUTH_SCOPE !== undefined && !v.OAUTH_SCOPE.includes('atproto')) {
    problems.push('OAUTH_SCOPE: must contain "atproto"')
  }
  for (const name of ['OAUTH_SCOPE', 'OAUTH_OPTIONAL_SCOPES'] as const) {
    const unknown = (v[name] ?? []).filter((scope) => !isAtprotoOauthScope(scope))
    problems.push(...unknown.map((scope) => `${name}: "${scope}" is not an atproto OAuth scope`))
  }
  return problems
}
