import { isIP } from 'node:net'
import { z } from 'zod'
import { DEFAULT_RATE_LIMITS, type RateLimits } from '../platform/limits.ts'
import { parseJson, refuse } from './field-text.ts'

/** A place where people can create an account. */
export type PdsOption = z.output<typeof pdsOption>

export type LogLevel = z.output<typeof logLevel>

/** Whether a URL's host is a loopback address that RFC 8252 §7.3 allows in redirect URIs; `localhost` is not one. */
export function isLoopbackAddress(hostname: string): boolean {
  return hostname === '127.0.0.1' || hostname === '[::1]'
}

/** `on`/`off`, `true`/`false`, `yes`/`no`, `1`/`0`. */
export const flag = z.stringbool({ error: 'must be "on" or "off"' })

export const logLevel = z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
  error: (issue) => `must be one of ${(issue as { values?: string[] }).values?.join(', ')}`,
})

type Bounds = { min: number; max: number }

/** A whole number within the given bounds, inclusive. */
export function wholeNumber(bounds: Bounds): z.ZodType<number, string> {
  return z
    .string()
    .refine((text) => isWholeNumber(text, bounds), `must be a whole number from ${bounds.min} to ${bounds.max}`)
    .transform(Number)
}

/** `off` as null, or a whole number within the given bounds, inclusive. */
export function wholeNumberOrOff(bounds: Bounds): z.ZodType<number | null, string> {
  return z
    .string()
    .refine(
      (text) => text === 'off' || isWholeNumber(text, bounds),
      `must be off, or a whole number from ${bounds.min} to ${bounds.max}`,
    )
    .transform((text) => (text === 'off' ? null : Number(text)))
}

function isWholeNumber(text: string, { min, max }: Bounds): boolean {
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max
}

/** An http(s) origin such as `https://app.example`, without a path. Returned without a trailing slash. */
export const origin = z.string().transform((text, context) => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return refuse(context, 'must be an http or https URL')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    return refuse(context, 'must be an origin such as https://app.example, without a path, query or user name')
  }
  return url.origin
})

/**
 * Where an app on a device takes a response: an https app link, or a scheme of its own in reverse-domain form such as
 * `com.example.app:/signed-in` (RFC 8252 §7.1 and §7.2).
 */
export const returnUrl = z.string().transform((text, context) => {
  const url = URL.parse(text)
  const isAppLink = url?.protocol === 'https:' && url.username === ''
  if (url !== null && (isAppLink || /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol))) return url.href
  return refuse(context, 'must be an https URL, or one with a scheme such as com.example.app:/signed-in')
})

/** A URL of one of the given schemes. The text may hold a password, so messages never repeat it. */
export function urlWithScheme(...schemes: string[]): z.ZodType<string, string> {
  const known = schemes.map((scheme) => `${scheme}//`).join(' or ')
  return z.string().refine((text) => schemes.includes(URL.parse(text)?.protocol ?? ''), `must be a URL with ${known}`)
}

/** A DID of the kinds that atproto has. */
export const did = z.string().regex(/^did:(plc:[a-z2-7]{24}|web:[\w.%-]+)$/, 'must be a did:plc or a did:web')

/** A path on the frontend, such as `/welcome`. */
export const path = z.string().regex(/^\/(?![/\\])[^\s\\]*$/, 'must be a path that begins with one slash')

/** What the gateway answers itself, by the first part of the path. */
export const OWN_PATHS: readonly string[] = [
  'auth',
  'graphql',
  'xrpc',
  'healthz',
  'readyz',
  'metrics',
  'oauth-client-metadata.json',
  '.well-known',
]

/** A path for pages of the gateway, such as `/account`. Returned with a slash at its end. */
export const portalPath = z.string().transform((text, context) => {
  if (!/^(\/[\w.~-]+)*\/?$/.test(text) || text === '') return refuse(context, 'must be a path such as /account')
  const parts = text.split('/').filter((part) => part !== '')
  if (parts.some((part) => /^\.{1,2}$/.test(part))) return refuse(context, 'must be a path without dots such as /../')
  if (OWN_PATHS.includes(parts[0] ?? ''))
    return refuse(context, `must not be below /${parts[0]}, which is the gateway’s`)
  return ['', ...parts, ''].join('/')
})

/** Whom an identity token is for: the `aud` of RFC 7519 §4.1.3, often a URL. */
export const audience = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be at most 255 visible ASCII characters each')

/** A service that takes service tokens: a DID, or one with the id of a service in its document. */
export const serviceAudience = z
  .string()
  .regex(/^did:[a-z]+:[\w.:%-]+(#[\w-]+)?$/, 'must be a DID, or a DID with #service')

/** A comma-separated list. */
export function listOf<T>(item: z.ZodType<T, string>): z.ZodType<T[], string> {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item))
}

/** Scopes separated by spaces, as in OAuth (RFC 6749 §3.3). */
export const scopes = z.string().transform((text) => [...new Set(text.split(/\s+/))])

/** `off`, `on`, or the addresses (or CIDR ranges) of the proxies, separated by commas. */
export const trustProxy = z.string().transform((text, context) => {
  const known = flag.safeParse(text)
  if (known.success) return known.data
  const addresses = text.split(',').map((part) => part.trim())
  const wrong = addresses.filter((address) => !isAddressOrRange(address))
  if (wrong.length === 0) return addresses
  return refuse(context, `must be on, off, or IP addresses and CIDR ranges; wrong: ${wrong.join(', ')}`)
})

function isAddressOrRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const bits = isIP(address) === 6 ? 128 : 32
  const isRange = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  return isIP(address) !== 0 && isRange && rest.length === 0
}

const LIMIT_NAMES = Object.keys(DEFAULT_RATE_LIMITS) as (keyof RateLimits)[]

/** `off` as null, or the numbers that replace defaults: `starts=120,pushes=1000`. */
export const rateLimits = z.string().transform((text, context): RateLimits | null => {
  if (text === 'off') return null
  const given: Partial<Record<keyof RateLimits, number>> = {}
  for (const pair of text.split(',').map((part) => part.trim())) {
    const [, word, number] = /^(\w+)=([1-9]\d{0,8})$/.exec(pair) ?? []
    const name = LIMIT_NAMES.find((known) => known === word)
    if (name === undefined) {
      return refuse(context, `must be off, or pairs such as starts=60 with one of ${LIMIT_NAMES.join(', ')}`)
    }
    given[name] = Number(number)
  }
  return { ...DEFAULT_RATE_LIMITS, ...given }
})

const pdsOption = z.object({
  name: z.string().min(1),
  url: origin,
  recommended: z.boolean().default(false),
  description: z.string().nullable().default(null),
  infoUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null),
})

/** A JSON array of `{ name, url, recommended?, description?, infoUrl? }`. */
export const pdsOptions = z.string().transform((text, context) => {
  const parsed = z.array(pdsOption).safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the whole'} (${issue.message})`)
  return refuse(context, `must be a JSON array of { name, url, … }; wrong: ${where.join(', ')}`)
})
