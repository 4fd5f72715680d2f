import { z } from 'zod'
import { DEFAULT_RATE_LIMITS } from '../platform/limits.ts'
import * as field from './fields.ts'
import * as keyField from './key-fields.ts'
import { redisPlace } from './redis-place.ts'

/** The port of a gateway that is told none. */
export const DEFAULT_PORT = 4000

/** How the text of each setting is read, and its default. */
export const fields = {
  PUBLIC_URL: field.origin.optional(),
  PORT: field.wholeNumber({ min: 1, max: 65535 }).default(DEFAULT_PORT),
  HOST: z.string().default('127.0.0.1'),
  TRUST_PROXY: field.trustProxy.default(false),
  FRONTEND_URL: field.origin.optional(),
  CORS_ORIGINS: field.listOf(field.origin).default([]),
  RETURN_URLS: field.listOf(field.returnUrl).default([]),
  SERVICE_ORIGINS: field.listOf(field.origin).default([]),
  PORTAL_PATH: field.portalPath.default('/'),
  TOKEN_AUDIENCES: field.listOf(field.audience).default([]),
  DATABASE_URL: field.urlWithScheme('postgres:', 'postgresql:').optional(),
  DIRECT_DATABASE_URL: field.urlWithScheme('postgres:', 'postgresql:').optional(),
  PGBOUNCER: field.flag.default(false),
  REDIS_URL: redisPlace.optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  DATA_DIR: z.string().default('.data'),
  ENCRYPTION_KEYS: keyField.encryptionKeys.optional(),
  CLIENT_NAME: z.string().max(200).default('atgate'),
  OAUTH_SCOPE: field.scopes.default(['atproto']),
  OAUTH_OPTIONAL_SCOPES: field.scopes.default([]),
  OAUTH_PRIVATE_KEYS: keyField.oauthPrivateKeys.default([]),
  PLC_DIRECTORY_URL: field.urlWithScheme('http:', 'https:').optional(),
  HANDLE_RESOLVER_URL: field.urlWithScheme('http:', 'https:').optional(),
  LEXICON_AUTHORITY_DID: field.did.optional(),
  ALLOW_INSECURE_PDS: field.flag.default(false),
  ACCOUNT_CREATION: field.flag.default(false),
  ACCOUNT_CREATION_ANY_PDS: field.flag.default(false),
  PDS_OPTIONS: field.pdsOptions.default([]),
  NEW_ACCOUNT_PATH: field.path.optional(),
  SESSION_DAYS: field.wholeNumber({ min: 1, max: 400 }).default(14),
  DEVELOPER_TOKEN_DEFAULT_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(90),
  DEVELOPER_TOKEN_MAX_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(365),
  AUDIT_DAYS: field.wholeNumber({ min: 1, max: 3650 }).default(90),
  SERVICE_AUTH_AUDIENCES: field.listOf(field.serviceAudience).default([]),
  GRAPHIQL: field.flag.optional(),
  RATE_LIMITS: field.rateLimits.default(DEFAULT_RATE_LIMITS),
  MAX_EVENT_LOOP_DELAY: field.wholeNumberOrOff({ min: 1, max: 60_000 }).default(200),
  SHUTDOWN_SECONDS: field.wholeNumber({ min: 1, max: 600 }).default(10),
  LOG_LEVEL: field.logLevel.default('info'),
}

/** The name of every setting. */
export const SETTINGS = Object.keys(fields)

/** What the settings say. */
export type Values = { [K in keyof typeof fields]: z.output<(typeof fields)[K]> }
