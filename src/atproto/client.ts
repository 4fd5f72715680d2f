import { hash, randomBytes } from 'node:crypto'
import {
  buildAtprotoLoopbackClientMetadata,
  type Fetch,
  JoseKey,
  Keyset,
  NodeOAuthClient,
  type NodeSavedSessionStore,
  type NodeSavedStateStore,
  type OAuthAuthorizationServerMetadata,
  type OAuthClientMetadataInput,
  type OAuthProtectedResourceMetadata,
  type RuntimeImplementation,
} from '@atproto/oauth-client-node'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config/config.ts'
import { MINUTE } from '../platform/clock.ts'
import type { IdentityResolver } from './identity.ts'
import { createSafeFetch } from './safe-fetch.ts'
import { declaredScopes, formatScope } from './scope.ts'

/** The path of the OAuth redirect URI. */
export const CALLBACK_PATH = '/auth/callback'
/** The path of the client metadata document; with the public URL it is the client id. */
export const CLIENT_METADATA_PATH = '/oauth-client-metadata.json'
/** The path of the public key set. */
export const JWKS_PATH = '/.well-known/jwks.json'

/** This gateway as an OAuth client of its users' authorization servers. */
export interface OAuthClients {
  /** What authorization servers read of this client (atproto OAuth, "Client ID Metadata Document"). */
  readonly clientMetadata: OAuthClientMetadataInput
  /** The public keys of the confidential client; empty for a public one (RFC 7517 §5). */
  readonly jwks: { keys: readonly unknown[] }
  /** Whether servers on http are allowed, as in the sandbox. */
  readonly allowsHttp: boolean
  /** Whether the client authenticates itself with a private key. Confidential clients have longer grants. */
  readonly isConfidential: boolean
  /** The host that authorization requests of an issuer are pushed to, whose metadata was read just now. */
  pushHost(issuer: string): string
  /** A client with the given stores, and empty ones where none is given. Caches are shared by all clients. */
  withStores(stores: Partial<ClientStores>): NodeOAuthClient
  /** A client that runs `beforePost` before each POST request, and sends none when that rejects. */
  beforeEachPost(beforePost: () => Promise<void>): NodeOAuthClient
}

export type ClientStores = {
  stateStore: NodeSavedStateStore
  sessionStore: NodeSavedSessionStore
}

/**
 * The library keys its session store by DID, so that two sessions of one account in one client would overwrite each
 * other's grant. So each grant and each flow has a client object of its own; caches are shared.
 */
export async function createOAuthClients(config: Config, identityResolver: IdentityResolver): Promise<OAuthClients> {
  const keys = await Promise.all(config.oauth.privateKeys.map((key) => JoseKey.fromImportable(JSON.stringify(key))))
  const keyset = keys.length === 0 ? undefined : new Keyset(keys)
  const clientMetadata = clientMetadataOf(config)
  const metadata = cache<OAuthAuthorizationServerMetadata>()
  const fetch = createSafeFetch({ allowInsecure: config.oauth.allowInsecurePds })
  const shared = {
    clientMetadata,
    ...(keyset === undefined ? {} : { keyset }),
    identityResolver,
    fetch,
    allowHttp: config.oauth.allowInsecurePds,
    authorizationServerMetadataCache: metadata,
    protectedResourceMetadataCache: cache<OAuthProtectedResourceMetadata | null>(),
    dpopNonceCache: cache<string>(),
    runtimeImplementation,
  }
  return {
    clientMetadata,
    jwks: keyset?.publicJwks ?? { keys: [] },
    allowsHttp: config.oauth.allowInsecurePds,
    isConfidential: keyset !== undefined,
    pushHost(issuer) {
      // A stranger's issuer may name the endpoint of somebody else, who would be flooded.
      const endpoint = metadata.get(issuer)?.pushed_authorization_request_endpoint
      return new URL(endpoint ?? issuer).host
    },
    withStores: (stores) => new NodeOAuthClient({ ...shared, ...emptyStores, ...stores }),
    beforeEachPost: (beforePost) =>
      new NodeOAuthClient({ ...shared, ...emptyStores, fetch: withBeforePost(fetch, beforePost) }),
  }
}

const runtimeImplementation: RuntimeImplementation = {
  // Whatever else the server would accept: with ES256 a proof takes a fifth of the time that it takes with ES256K.
  createKey: () => JoseKey.generate(['ES256']),
  getRandomValues: randomBytes,
  digest: (bytes, { name }) => hash(name, bytes, 'buffer'),
  // Nothing is done with the library's locks: grants are refreshed in grants/, by leases.
  requestLock: (_name, work) => work(),
}

function clientMetadataOf(config: Config): OAuthClientMetadataInput {
  // In normal form, as they are asked for: servers compare them as text, and refuse a scope that stands here twice.
  const scope = formatScope(declaredScopes(config))
  const redirectUri = `${config.publicUrl}${CALLBACK_PATH}`
  if (!config.secure) return buildAtprotoLoopbackClientMetadata({ scope, redirect_uris: [redirectUri] })

  const metadata = {
    client_id: `${config.publicUrl}${CLIENT_METADATA_PATH}`,
    client_name: config.oauth.clientName,
    client_uri: config.publicUrl,
    redirect_uris: [redirectUri],
    scope,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: 'web',
    dpop_bound_access_tokens: true,
  }
  const authentication =
    config.oauth.privateKeys.length === 0
      ? { token_endpoint_auth_method: 'none' }
      : {
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks_uri: `${config.publicUrl}${JWKS_PATH}`,
        }
  // The library validates this input when a client is built, so the literal types that it asks for here add nothing.
  return { ...metadata, ...authentication } as OAuthClientMetadataInput
}

const emptyStores: ClientStores = {
  stateStore: { get: () => undefined, set: () => undefined, del: () => undefined },
  sessionStore: { get: () => undefined, set: () => undefined, del: () => undefined },
}

function withBeforePost(fetch: Fetch, beforePost: () => Promise<void>): Fetch {
  return async (input, init) => {
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET')
    if (method === 'POST') await beforePost()
    return fetch(input, init)
  }
}

/** Bounded and short-lived, shared by every client object. That a server has no metadata (null) is cached too. */
function cache<V>() {
  const entries = new LRUCache<string, { value: V }>({ max: 1000, ttl: MINUTE })
  return {
    get: (key: string) => entries.get(key)?.value,
    set: (key: string, value: V) => void entries.set(key, { value }),
    del: (key: string) => void entries.delete(key),
  }
}
