import { z } from 'zod'

/** Where one server of Redis, or one Sentinel, listens. */
export type RedisNode = { host: string; port: number }

/** The user and the password of Redis servers. Without a user it is Redis's own, `default`. */
export type RedisCredentials = { username?: string; password: string }

/** Where Redis is, as `REDIS_URL` says it. */
export type RedisPlace =
  | { kind: 'server'; url: string }
  | {
      kind: 'sentinel'
      sentinels: readonly RedisNode[]
      /** The name by which the Sentinels know the servers. */
      masterName: string
      tls: boolean
      /** Of the servers. */
      credentials: RedisCredentials | null
      /** Of the Sentinels. */
      sentinelPassword: string | null
    }
  | { kind: 'cluster'; nodes: readonly RedisNode[]; tls: boolean; credentials: RedisCredentials | null }

const FORMS =
  'must be redis://host:6379, redis+sentinel://host:26379,…/master-name or redis+cluster://host:6379,…; rediss for TLS'

/** What a place of several nodes says, each part still as it stands there. */
const SEVERAL = /^redis(?<tls>s?)\+(?<kind>sentinel|cluster):\/\/(?<authority>[^/?#]+)(?:\/(?<path>[^/?#]*))?$/

/**
 * `redis://…` or `rediss://…`, with `+sentinel` or `+cluster` and several hosts. The text may hold a password, so
 * messages never repeat it.
 */
export const redisPlace = z.string().transform((text, context): RedisPlace => {
  const place = /^rediss?:$/.test(URL.parse(text)?.protocol ?? '')
    ? { kind: 'server' as const, url: text }
    : parse(text)
  if (typeof place !== 'string') return place
  context.addIssue({ code: 'custom', message: place })
  return z.NEVER
})

/** Returns what is wrong, where something is. */
function parse(text: string): RedisPlace | string {
  const { tls, kind, authority = '', path = '' } = SEVERAL.exec(text)?.groups ?? {}
  if (kind === undefined) return FORMS
  const at = authority.lastIndexOf('@')
  const credentials = at < 0 ? null : parseCredentials(authority.slice(0, at))
  if (credentials === undefined) return 'must have user:password or :password before the @, percent-encoded'
  const hosts = authority.slice(at + 1).split(',')
  const nodes = hosts.map((host) => parseNode(host, kind === 'sentinel' ? 26379 : 6379))
  const wrong = nodes.indexOf(null)
  if (wrong >= 0) return `host ${wrong + 1} must be a name or an address, with a port or without`
  const known = { tls: tls === 's', credentials }
  const present = nodes.filter((node) => node !== null)
  if (kind === 'cluster') return path === '' ? { kind, nodes: present, ...known } : FORMS
  const masterName = decode(path)
  if (masterName === null || masterName === '') return 'must end with the name of the master, as in …:26379/mymaster'
  return { kind: 'sentinel', sentinels: present, masterName, sentinelPassword: null, ...known }
}

function parseCredentials(text: string): RedisCredentials | undefined {
  const [, user = '', word = ''] = /^([^:]*):(.+)$/.exec(text) ?? []
  const [username, password] = [decode(user), decode(word)]
  if (username === null || !password) return undefined
  return username === '' ? { password } : { username, password }
}

function parseNode(text: string, defaultPort: number): RedisNode | null {
  const url = URL.parse(`redis://${text}`)
  // Anything else that a URL can have would be left out here without a word.
  if (url === null || url.hostname === '' || `redis://${url.host}` !== url.href) return null
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || defaultPort) }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
