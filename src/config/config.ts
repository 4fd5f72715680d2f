import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { hasErrorCode } from '../platform/errors.ts'
import type { RateLimits } from '../platform/limits.ts'
import { contradictions } from './contradictions.ts'
import type * as field from './fields.ts'
import type { EncryptionKey, OAuthPrivateKey } from './key-fields.ts'
import type { RedisPlace } from './redis-place.ts'
import { fields, type Values } from './settings.ts'

/** Every setting, read once at start and frozen. docs/configuration.md explains each of them. */
export type Config = Readonly<{
  publicUrl: string
  /** Whether browsers reach the gateway over https. Decides cookie names, and which kind of OAuth client it is. */
  secure: boolean
  host: string
  port: number
  trustProxy: boolean | string[]
  frontendUrl: string
  /** Where challenge-bound flows may return to, besides loopback addresses: custom schemes and app links. */
  returnUrls: readonly string[]
  /** Origins that may call the API with cookies: the gateway's own, the frontend's and CORS_ORIGINS. */
  allowedOrigins: readonly string[]
  /** Where services are, on other ports of the gateway's host, to which a sign-in may go on. */
  serviceOrigins: readonly string[]
  /** Where the portal is, with a slash at the end: `/`, or `/account/`. */
  portalPath: string
  /** Whom identity tokens may be for. */
  tokenAudiences: readonly string[]
  database:
    | {
        kind: 'postgresql'
        url: string
        /** For what holds a connection of its own: migrations. */
        directUrl: string
        /** Whether `url` leads to a pooler that gives each transaction another connection. */
        isPooled: boolean
      }
    | { kind: 'embedded'; dataDir: string }
  /** Null: flows and counters are kept in the process. */
  redis: RedisPlace | null
  dataDir: string
  /** Null: generated at the first start, and kept in dataDir. */
  encryptionKeys: readonly EncryptionKey[] | null
  oauth: Readonly<{
    clientName: string
    /** Required of every session. */
    requiredScopes: readonly string[]
    /** Offered to scope upgrades. */
    optionalScopes: readonly string[]
    /** Empty for a public client. The first key signs; all are published. */
    privateKeys: readonly OAuthPrivateKey[]
    plcDirectoryUrl: string | null
    handleResolverUrl: string | null
    /** Whose repository publishes every permission set. Null: DNS says it for each namespace. */
    lexiconAuthorityDid: string | null
    allowInsecurePds: boolean
  }>
  accountCreation: boolean
  /** Whether accounts may be created on any PDS, not only on those of pdsOptions. */
  accountCreationAnyPds: boolean
  pdsOptions: readonly field.PdsOption[]
  newAccountPath: string | null
  sessionDays: number
  developerTokenDefaultDays: number
  developerTokenMaxDays: number
  /** After how many days audit events are deleted. */
  auditDays: number
  /** For which services page script gets service tokens of the PDS: DIDs, or references such as did:web:a.test#b. */
  serviceAuthAudiences: readonly string[]
  /** Whether /graphql has GraphiQL and describes its schema: by introspection, and by suggestions in errors. */
  graphiql: boolean
  /** How often a minute something may happen. Null: as often as anyone likes. */
  rateLimits: RateLimits | null
  /** In milliseconds. Above it, requests are refused. Null: never. */
  maxEventLoopDelay: number | null
  /** In how many seconds after a signal the process has ended. */
  shutdownSeconds: number
  logLevel: field.LogLevel
}>

export type Environment = Readonly<Record<string, string | undefined>>

/** A configuration that cannot be used. Carries every problem, one line each, without secret values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}.`)
    this.problems = problems
  }
}

/**
 * Reads the configuration from environment variables. An empty variable counts as not set.
 * @throws ConfigError naming every mistake at once.
 */
export function loadConfig(env: Environment): Config {
  const { values, problems } = parseFields(env)
  problems.push(...contradictions(values))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(toConfig(values as Values))
}

function parseFields(env: Environment): { values: Partial<Values>; problems: string[] } {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [name, schema] of Object.entries(fields)) {
    const text = env[name]?.trim()
    const result = schema.safeParse(text === '' ? undefined : text)
    if (result.success) values[name] = result.data
    else for (const issue of result.error.issues) problems.push(`${name}: ${issue.message}`)
  }
  return { values, problems }
}

function toConfig(v: Values): Config {
  const publicUrl = v.PUBLIC_URL ?? `http://127.0.0.1:${v.PORT}`
  const frontendUrl = v.FRONTEND_URL ?? publicUrl
  return {
    publicUrl,
    secure: publicUrl.startsWith('https:'),
    host: v.HOST,
    port: v.PORT,
    trustProxy: v.TRUST_PROXY,
    frontendUrl,
    returnUrls: v.RETURN_URLS,
    allowedOrigins: [...new Set([publicUrl, frontendUrl, ...v.CORS_ORIGINS])],
    serviceOrigins: [...new Set(v.SERVICE_ORIGINS)],
    portalPath: v.PORTAL_PATH,
    tokenAudiences: [...new Set(v.TOKEN_AUDIENCES)],
    database:
      v.DATABASE_URL === undefined
        ? { kind: 'embedded', dataDir: v.DATA_DIR }
        : {
            kind: 'postgresql',
            url: v.DATABASE_URL,
            directUrl: v.DIRECT_DATABASE_URL ?? v.DATABASE_URL,
            isPooled: v.PGBOUNCER,
          },
    redis: redisOf(v),
    dataDir: v.DATA_DIR,
    encryptionKeys: v.ENCRYPTION_KEYS ?? null,
    oauth: {
      clientName: v.CLIENT_NAME,
      requiredScopes: v.OAUTH_SCOPE,
      optionalScopes: v.OAUTH_OPTIONAL_SCOPES.filter((scope) => !v.OAUTH_SCOPE.includes(scope)),
      privateKeys: v.OAUTH_PRIVATE_KEYS,
      plcDirectoryUrl: v.PLC_DIRECTORY_URL ?? null,
      handleResolverUrl: v.HANDLE_RESOLVER_URL ?? null,
      lexiconAuthorityDid: v.LEXICON_AUTHORITY_DID ?? null,
      allowInsecurePds: v.ALLOW_INSECURE_PDS,
    },
    accountCreation: v.ACCOUNT_CREATION,
    accountCreationAnyPds: v.ACCOUNT_CREATION_ANY_PDS,
    pdsOptions: v.PDS_OPTIONS,
    newAccountPath: v.NEW_ACCOUNT_PATH ?? null,
    sessionDays: v.SESSION_DAYS,
    developerTokenDefaultDays: v.DEVELOPER_TOKEN_DEFAULT_DAYS,
    developerTokenMaxDays: v.DEVELOPER_TOKEN_MAX_DAYS,
    auditDays: v.AUDIT_DAYS,
    serviceAuthAudiences: v.SERVICE_AUTH_AUDIENCES,
    graphiql: v.GRAPHIQL ?? publicUrl.startsWith('http:'),
    rateLimits: v.RATE_LIMITS,
    maxEventLoopDelay: v.MAX_EVENT_LOOP_DELAY,
    shutdownSeconds: v.SHUTDOWN_SECONDS,
    logLevel: v.LOG_LEVEL,
  }
}

function redisOf({ REDIS_URL: place, REDIS_SENTINEL_PASSWORD }: Values): RedisPlace | null {
  if (place?.kind !== 'sentinel') return place ?? null
  return { ...place, sentinelPassword: REDIS_SENTINEL_PASSWORD ?? null }
}

/** The environment of the process and, for variables that it does not set, a `.env` file in the working directory. */
export function readEnvironment(file = '.env'): Environment {
  return { ...readEnvFile(file), ...process.env }
}

function readEnvFile(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, 'utf8'))
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return {}
    throw error
  }
}
