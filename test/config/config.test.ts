import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ConfigError, type Environment, loadConfig } from '../../src/config/config.ts'
import { SETTINGS } from '../../src/config/settings.ts'

const key = `k1:${randomBytes(32).toString('base64url')}`

function problemsOf(env: Environment): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

/** The settings that the problems name, each once. */
const namesIn = (problems: readonly string[]) => [...new Set(problems.map((problem) => problem.split(':')[0]))].sort()

function privateKeySet(...ids: string[]): string {
  const keys = ids.map((kid) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { ...privateKey.export({ format: 'jwk' }), kid }
  })
  return JSON.stringify({ keys })
}

describe('loadConfig', () => {
  it('needs nothing: the embedded stores, a loopback client, the portal as frontend', () => {
    const config = loadConfig({})
    expect(config.publicUrl).toBe('http://127.0.0.1:4000')
    expect(config.frontendUrl).toBe(config.publicUrl)
    expect(config.secure).toBe(false)
    expect(config.database).toEqual({ kind: 'embedded', dataDir: '.data' })
    expect(config.redis).toBeNull()
    expect(config.oauth.requiredScopes).toEqual(['atproto'])
    expect(Object.isFrozen(config)).toBe(true)
  })

  it.each(['0', '601', '1.5', 'off'])(
    'ends within a number of seconds, which SHUTDOWN_SECONDS=%s is not',
    (seconds) => {
      expect(loadConfig({}).shutdownSeconds).toBe(10)
      expect(loadConfig({ SHUTDOWN_SECONDS: '30' }).shutdownSeconds).toBe(30)
      expect(problemsOf({ SHUTDOWN_SECONDS: seconds })).toEqual([
        'SHUTDOWN_SECONDS: must be a whole number from 1 to 600',
      ])
    },
  )

  it('derives the public URL from the port', () => {
    expect(loadConfig({ PORT: '4123' }).publicUrl).toBe('http://127.0.0.1:4123')
  })

  it('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: ' ' })).toEqual(loadConfig({}))
  })

  it('reads a production configuration', () => {
    const config = loadConfig({
      PUBLIC_URL: 'https://auth.example.com/',
      FRONTEND_URL: 'https://app.example.com',
      CORS_ORIGINS: 'https://admin.example.com, https://app.example.com',
      DATABASE_URL: 'postgresql://u:p@db/atgate',
      REDIS_URL: 'rediss://cache:6379',
      ENCRYPTION_KEYS: key,
      OAUTH_PRIVATE_KEYS: privateKeySet('a', 'b'),
      OAUTH_SCOPE: 'atproto  transition:generic',
      OAUTH_OPTIONAL_SCOPES: 'transition:generic repo:com.example.note',
      TRUST_PROXY: '10.0.0.0/8, 127.0.0.1',
      ACCOUNT_CREATION: 'on',
      PDS_OPTIONS: '[{"name":"Example","url":"https://pds.example.com","recommended":true}]',
    })
    expect(config.secure).toBe(true)
    expect(config.allowedOrigins).toEqual([
      'https://auth.example.com',
      'https://app.example.com',
      'https://admin.example.com',
    ])
    expect(config.oauth.requiredScopes).toEqual(['atproto', 'transition:generic'])
    expect(config.oauth.optionalScopes).toEqual(['repo:com.example.note'])
    expect(config.oauth.privateKeys.map((jwk) => jwk.kid)).toEqual(['a', 'b'])
    expect(config.trustProxy).toEqual(['10.0.0.0/8', '127.0.0.1'])
    expect(config.pdsOptions).toEqual([
      { name: 'Example', url: 'https://pds.example.com', recommended: true, description: null, infoUrl: null },
    ])
  })

  it('reaches the database by a pooler, and directly for migrations', () => {
    const url = 'postgresql://u:p@db/atgate'
    const common = { DATABASE_URL: url, ENCRYPTION_KEYS: key }
    expect(loadConfig(common).database).toEqual({ kind: 'postgresql', url, directUrl: url, isPooled: false })
    const directUrl = 'postgresql://u:p@primary/atgate'
    const pooled = loadConfig({ ...common, DIRECT_DATABASE_URL: directUrl, PGBOUNCER: 'on' })
    expect(pooled.database).toEqual({ kind: 'postgresql', url, directUrl, isPooled: true })
  })

  it.each([
    ['redis://u:p@cache/2', { kind: 'server', url: 'redis://u:p@cache/2' }],
    [
      'redis+sentinel://a,b:1,[::1]:2/the%20master',
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 1 },
          { host: '::1', port: 2 },
        ],
        masterName: 'the master',
        tls: false,
        credentials: null,
        sentinelPassword: null,
      },
    ],
    [
      'rediss+cluster://me:p%2Fw:@d@a,b:1',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 1 },
        ],
        tls: true,
        credentials: { username: 'me', password: 'p/w:@d' },
      },
    ],
  ])('finds Redis at %s', (REDIS_URL, place) => {
    expect(loadConfig({ REDIS_URL }).redis).toEqual(place)
  })

  it('tells the password of the Sentinels from that of the servers', () => {
    const env = { REDIS_URL: 'rediss+sentinel://:servers@a/m', REDIS_SENTINEL_PASSWORD: 'sentinels' }
    expect(loadConfig(env).redis).toMatchObject({
      tls: true,
      credentials: { password: 'servers' },
      sentinelPassword: 'sentinels',
    })
  })

  it.each([
    ['http://:hunter2@a', 'must be redis://host:6379'],
    ['redis+sentinel://:hunter2@a', 'must end with the name of the master'],
    ['redis+sentinel://:hunter2@a/m/2', 'must be redis://host:6379'],
    ['redis+cluster://:hunter2@a/2', 'must be redis://host:6379'],
    ['redis+cluster://hunter2@a', 'must have user:password or :password'],
    ['redis+cluster://:hunter2%@a', 'must have user:password or :password'],
    ['redis+cluster://:hunter2@a,b:port', 'host 2 must be'],
    ['redis+cluster://:hunter2@a,', 'host 2 must be'],
    ['redis+cluster://:hunter/2@a', 'host 1 must be'],
    ['redis+cluster://:hunter2@', 'host 1 must be'],
  ])('refuses REDIS_URL=%s, and does not repeat it', (REDIS_URL, reason) => {
    const problems = problemsOf({ REDIS_URL })
    expect(problems).toEqual([expect.stringContaining(`REDIS_URL: ${reason}`)])
    expect(problems.join()).not.toContain('hunter')
  })

  it('refuses an https PUBLIC_URL with a port, which no authorization server takes as a client id', () => {
    expect(problemsOf({ PUBLIC_URL: 'https://auth.example.com:8443' })).toEqual([
      expect.stringMatching(/^PUBLIC_URL: must have no port/),
    ])
    expect(problemsOf({ PUBLIC_URL: 'https://auth.example.com:443' })).toEqual([])
    expect(problemsOf({ PUBLIC_URL: 'http://127.0.0.1:8080' })).toEqual([])
    // The PDS of a sandbox reads it all the same.
    expect(problemsOf({ PUBLIC_URL: 'https://auth.example.com:8443', ALLOW_INSECURE_PDS: 'on' })).toEqual([])
  })

  it('names every mistake at once', () => {
    const problems = problemsOf({
      PUBLIC_URL: 'http://auth.example.com/path',
      PORT: 'eighty',
      CORS_ORIGINS: 'https://fine.example, nonsense',
      DATABASE_URL: 'mysql://u:hunter2@db',
      ENCRYPTION_KEYS: 'k1:tooshort-and-secret',
      OAUTH_PRIVATE_KEYS: '{"keys":[{"kty":"RSA"}]}',
      OAUTH_SCOPE: 'transition:generic nonsense',
      ACCOUNT_CREATION: 'perhaps',
      PDS_OPTIONS: 'not json',
      SESSION_DAYS: '0',
      LOG_LEVEL: 'loud',
    })
    expect(namesIn(problems)).toEqual([
      'ACCOUNT_CREATION',
      'CORS_ORIGINS',
      'DATABASE_URL',
      'ENCRYPTION_KEYS',
      'LOG_LEVEL',
      'OAUTH_PRIVATE_KEYS',
      'OAUTH_SCOPE',
      'PDS_OPTIONS',
      'PORT',
      'PUBLIC_URL',
      'SESSION_DAYS',
    ])
  })

  it('repeats no secret in what it says', () => {
    const said = problemsOf({ DATABASE_URL: 'mysql://u:hunter2@db', ENCRYPTION_KEYS: 'k1:tooshort-and-secret' }).join()
    expect(said).not.toContain('hunter2')
    expect(said).not.toContain('tooshort-and-secret')
  })

  it.each([
    ['http on a public name', { PUBLIC_URL: 'http://auth.example.com' }, 'PUBLIC_URL'],
    ['localhost', { PUBLIC_URL: 'http://localhost:4000' }, 'PUBLIC_URL'],
    ['a frontend on localhost beside 127.0.0.1', { FRONTEND_URL: 'http://localhost:5173' }, 'FRONTEND_URL'],
    [
      'an http frontend of an https gateway',
      { PUBLIC_URL: 'https://a.example', FRONTEND_URL: 'http://app.a.example' },
      'FRONTEND_URL',
    ],
    ['a database without encryption keys', { DATABASE_URL: 'postgres://db/x' }, 'ENCRYPTION_KEYS'],
    ['a direct way to no database', { DIRECT_DATABASE_URL: 'postgres://db/x' }, 'DIRECT_DATABASE_URL'],
    [
      'a password for no Sentinels',
      { REDIS_URL: 'redis://a', REDIS_SENTINEL_PASSWORD: 'x' },
      'REDIS_SENTINEL_PASSWORD',
    ],
    ['a pooler before no database', { PGBOUNCER: 'on' }, 'PGBOUNCER'],
    [
      'a pooler that migrations cannot pass',
      { DATABASE_URL: 'postgres://db/x', ENCRYPTION_KEYS: key, PGBOUNCER: 'on' },
      'DIRECT_DATABASE_URL',
    ],
    ['two encryption keys of one id', { ENCRYPTION_KEYS: `${key},${key}` }, 'ENCRYPTION_KEYS'],
    ['client keys on a loopback client', { OAUTH_PRIVATE_KEYS: privateKeySet('a') }, 'OAUTH_PRIVATE_KEYS'],
    [
      'two client keys of one kid',
      { PUBLIC_URL: 'https://a.example', OAUTH_PRIVATE_KEYS: privateKeySet('a', 'a') },
      'OAUTH_PRIVATE_KEYS',
    ],
    ['a scope without atproto', { OAUTH_SCOPE: 'transition:generic' }, 'OAUTH_SCOPE'],
    ['a public address', { PUBLIC_URL: 'https://203.0.113.7' }, 'PUBLIC_URL'],
    ['a public IPv6 address', { PUBLIC_URL: 'https://[2001:db8::7]' }, 'PUBLIC_URL'],
    ['a name without a domain', { PUBLIC_URL: 'https://gateway' }, 'PUBLIC_URL'],
    ['a name of the local network', { PUBLIC_URL: 'https://gateway.local' }, 'PUBLIC_URL'],
    [
      'a frontend on another site',
      { PUBLIC_URL: 'https://auth.example.com', FRONTEND_URL: 'https://app.example.org' },
      'FRONTEND_URL',
    ],
    [
      'a frontend of a neighbour on a public suffix',
      { PUBLIC_URL: 'https://auth.github.io', FRONTEND_URL: 'https://app.github.io' },
      'FRONTEND_URL',
    ],
    ['a proxy that is no address', { TRUST_PROXY: 'nonsense' }, 'TRUST_PROXY'],
    ['a proxy range that is too long', { TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
    ['a return URL of a script', { RETURN_URLS: 'javascript:alert(1)' }, 'RETURN_URLS'],
    ['a return URL on http', { RETURN_URLS: 'http://app.example.com/' }, 'RETURN_URLS'],
    ['a return URL whose scheme anybody can take', { RETURN_URLS: 'myapp:/done' }, 'RETURN_URLS'],
    ['a service on another host', { SERVICE_ORIGINS: 'http://127.0.0.2:8080' }, 'SERVICE_ORIGINS'],
    ['a service on localhost', { SERVICE_ORIGINS: 'http://localhost:8080' }, 'SERVICE_ORIGINS'],
    [
      'a service that the cookie does not reach over http',
      { PUBLIC_URL: 'https://auth.example.com', SERVICE_ORIGINS: 'http://auth.example.com:8080' },
      'SERVICE_ORIGINS',
    ],
    [
      'a service on a sibling of the host',
      { PUBLIC_URL: 'https://auth.example.com', SERVICE_ORIGINS: 'https://app.example.com' },
      'SERVICE_ORIGINS',
    ],
    ['a portal at a relative path', { PORTAL_PATH: 'account' }, 'PORTAL_PATH'],
    ['a portal on another host', { PORTAL_PATH: '//evil.example' }, 'PORTAL_PATH'],
    ['a portal at a path with a parameter', { PORTAL_PATH: '/:account' }, 'PORTAL_PATH'],
    ['a portal at a path that leads up', { PORTAL_PATH: '/account/..' }, 'PORTAL_PATH'],
    ['a portal at a path of the API', { PORTAL_PATH: '/auth/portal' }, 'PORTAL_PATH'],
    ['an audience with a space', { TOKEN_AUDIENCES: 'https://a.example,my service' }, 'TOKEN_AUDIENCES'],
    ['a path that leaves the frontend', { NEW_ACCOUNT_PATH: '//evil.example' }, 'NEW_ACCOUNT_PATH'],
  ])('refuses %s', (_what, env, name) => {
    expect(namesIn(problemsOf(env))).toEqual([name])
  })
})

it('SERVICE_ORIGINS are other ports of the host of PUBLIC_URL', () => {
  expect(loadConfig({ SERVICE_ORIGINS: 'http://127.0.0.1:8080, http://127.0.0.1:9000/' }).serviceOrigins).toEqual([
    'http://127.0.0.1:8080',
    'http://127.0.0.1:9000',
  ])
  const env = { PUBLIC_URL: 'https://auth.example.com', SERVICE_ORIGINS: 'https://auth.example.com:8443' }
  expect(loadConfig(env).serviceOrigins).toEqual(['https://auth.example.com:8443'])
})

it.each([
  ['/', '/'],
  ['/account', '/account/'],
  ['/my/account/', '/my/account/'],
])('PORTAL_PATH=%s is %s', (text, path) => {
  expect(loadConfig({}).portalPath).toBe('/')
  expect(loadConfig({ PORTAL_PATH: text }).portalPath).toBe(path)
})

describe('RATE_LIMITS', () => {
  const of = (text: string) => loadConfig({ RATE_LIMITS: text }).rateLimits

  it('replaces single defaults, or switches all limits off', () => {
    expect(loadConfig({}).rateLimits).toEqual({ starts: 60, failures: 100, sessionStarts: 30, pushes: 300 })
    expect(of('starts=120, pushes=1000')).toEqual({ starts: 120, failures: 100, sessionStarts: 30, pushes: 1000 })
    expect(of('off')).toBeNull()
  })

  it.each([
    'on',
    '60',
    'starts',
    'starts=0',
    'starts=-1',
    'starts=1e9',
    'start=60',
    'starts=60;failures=1',
    'toString=1',
  ])('refuses %s, and says what it may be', (text) => {
    expect(problemsOf({ RATE_LIMITS: text })).toEqual([
      'RATE_LIMITS: must be off, or pairs such as starts=60 with one of starts, failures, sessionStarts, pushes',
    ])
  })
})

it('docs/configuration.md explains every setting', async () => {
  const text = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const explained = [...text.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => String(name))
  expect(explained.toSorted()).toEqual(SETTINGS.toSorted())
})
