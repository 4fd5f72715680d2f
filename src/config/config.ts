import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { isAtprotoOauthScope } from '@atproto/oauth-scopes'
import { z } from 'zod'
import { hasErrorCode } from '../platform/errors.ts'
import * as field from './fields.ts'

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
  database: { kind: 'postgresql'; url: string } | { kind: 'embedded'; dataDir: string }
  redisUrl: string | null
  dataDir: string
  /** Null: generated at the first start, and kept in dataDir. */
  encryptionKeys: readonly field.EncryptionKey[] | null
  oauth: Readonly<{
    clientName: string
    /** Required of every session. */
    requiredScopes: readonly string[]
    /** Offered to scope upgrades. */
    optionalScopes: readonly string[]
    /** Empty for a public client. The first key signs; all are published. */
    privateKeys: readonly field.OAuthPrivateKey[]
    plcDirectoryUrl: string | null
    handleResolverUrl: string | null
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
  logLevel: field.LogLevel
}>

export type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_PORT = 4000

const fields = {
  PUBLIC_URL: field.origin.optional(),
  PORT: field.wholeNumber({ min: 1, max: 65535 }).default(DEFAULT_PORT),
  HOST: z.string().default('127.0.0.1'),
  TRUST_PROXY: field.trustProxy.default(false),
  FRONTEND_URL: field.origin.optional(),
  CORS_ORIGINS: field.listOf(field.origin).default([]),
  RETURN_URLS: field.listOf(field.returnUrl).default([]),
  DATABASE_URL: field.urlWithScheme('postgres:', 'postgresql:').optional(),
  REDIS_URL: field.urlWithScheme('redis:', 'rediss:').optional(),
  DATA_DIR: z.string().default('.data'),
  ENCRYPTION_KEYS: field.encryptionKeys.optional(),
  CLIENT_NAME: z.string().max(200).default('atgate'),
  OAUTH_SCOPE: field.scopes.default(['atproto']),
  OAUTH_OPTIONAL_SCOPES: field.scopes.default([]),
  OAUTH_PRIVATE_KEYS: field.oauthPrivateKeys.default([]),
  PLC_DIRECTORY_URL: field.urlWithScheme('http:', 'https:').optional(),
  HANDLE_RESOLVER_URL: field.urlWithScheme('http:', 'https:').optional(),
  ALLOW_INSECURE_PDS: field.flag.default(false),
  ACCOUNT_CREATION: field.flag.default(false),
  ACCOUNT_CREATION_ANY_PDS: field.flag.default(false),
  PDS_OPTIONS: field.pdsOptions.default([]),
  NEW_ACCOUNT_PATH: field.path.optional(),
  SESSION_DAYS: field.wholeNumber({ min: 1, max: 400 }).default(14),
  DEVELOPER_TOKEN_DEFAULT_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(90),
  DEVELOPER_TOKEN_MAX_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(365),
  AUDIT_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(90),
  LOG_LEVEL: field.logLevel.default('info'),
}

/** The name of every setting. */
export const SETTINGS = Object.keys(fields)

type Values = { [K in keyof typeof fields]: z.output<(typeof fields)[K]> }

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

/** Checks settings against each other. A setting that did not parse is absent here, and is not checked again. */
function contradictions(v: Partial<Values>): string[] {
  const publicUrl = new URL(v.PUBLIC_URL ?? `http://127.0.0.1:${v.PORT ?? DEFAULT_PORT}`)
  const problems = [...urlContradictions(v, publicUrl), ...scopeMistakes(v)]
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
  if (!loopback && frontend.protocol === 'http:') problems.push('FRONTEND_URL: must be https, as PUBLIC_URL is')
  return problems
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
    database:
      v.DATABASE_URL === undefined
        ? { kind: 'embedded', dataDir: v.DATA_DIR }
        : { kind: 'postgresql', url: v.DATABASE_URL },
    redisUrl: v.REDIS_URL ?? null,
    dataDir: v.DATA_DIR,
    encryptionKeys: v.ENCRYPTION_KEYS ?? null,
    oauth: {
      clientName: v.CLIENT_NAME,
      requiredScopes: v.OAUTH_SCOPE,
      optionalScopes: v.OAUTH_OPTIONAL_SCOPES.filter((scope) => !v.OAUTH_SCOPE.includes(scope)),
      privateKeys: v.OAUTH_PRIVATE_KEYS,
      plcDirectoryUrl: v.PLC_DIRECTORY_URL ?? null,
      handleResolverUrl: v.HANDLE_RESOLVER_URL ?? null,
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
    logLevel: v.LOG_LEVEL,
  }
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
