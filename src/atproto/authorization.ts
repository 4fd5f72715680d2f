import { type NodeSavedState, OAuthCallbackError, OAuthResponseError } from '@atproto/oauth-client-node'
import { z } from 'zod'
import { GatewayError } from '../platform/errors.ts'
import type { OAuthClients } from './client.ts'
import { authMethodSchema, dpopJwkSchema, type Grant } from './grants/grant.ts'
import { isUnreachable } from './upstream-errors.ts'

/**
 * A pushed authorization request: the `state` that its response will carry, and what is needed to redeem it. Secret.
 */
export type AuthorizationRequest = { state: string; saved: NodeSavedState }

/** Reads an authorization request that was stored. */
export const authorizationRequestSchema: z.ZodType<AuthorizationRequest> = z.object({
  state: z.string(),
  saved: z.looseObject({
    iss: z.url(),
    dpopJwk: dpopJwkSchema,
    authMethod: authMethodSchema,
    verifier: z.string(),
    appState: z.string().exactOptional(),
  }),
})

/**
 * What the user is asked on the authorization server's pages (OpenID Connect Core 1.0 §3.1.2.1; `create` as in its
 * Prompt Create).
 */
export type Prompt = 'create' | 'login' | 'consent'

/** Why an authorization failed, in the words of `auth_error`. */
export type RefusalCode = 'access_denied' | 'invalid_scope' | 'upstream_unavailable' | 'failed'

/** The authorization server gave no grant, or the response that came in its name is not valid. */
export class AuthorizationRefused extends Error {
  override readonly name = 'AuthorizationRefused'
  readonly code: RefusalCode

  constructor(code: RefusalCode, cause: unknown) {
    super(`authorization refused: ${code}`, { cause })
    this.code = code
  }
}

type PushRequest = {
  input: string
  scope: string
  prompt: Prompt | null
  beforePush(host: string): Promise<void>
}

/**
 * Pushes an authorization request (RFC 9126) to the account's authorization server.
 * @param input a handle, a DID, or the URL of a PDS or entryway
 * @param beforePush is told the host that the request is pushed to, and may refuse
 * @throws GatewayError PDS_UNAVAILABLE
 */
export async function pushAuthorizationRequest(
  clients: OAuthClients,
  { input, scope, prompt, beforePush }: PushRequest,
): Promise<{ authUrl: string; request: AuthorizationRequest }> {
  let request: AuthorizationRequest | undefined
  const client = clients.withStores({
    stateStore: {
      get: () => undefined,
      // The library stores the state when it knows the server and before it pushes anything.
      set: async (state, saved) => {
        await beforePush(clients.pushHost(saved.iss))
        request = { state, saved }
      },
      del: () => undefined,
    },
  })
  try {
    const url = await client.authorize(input, { scope, ...(prompt === null ? {} : { prompt }) })
    if (request === undefined) throw new TypeError('the OAuth client kept no state')
    requireWebPage(url, clients)
    return { authUrl: url.href, request }
  } catch (error) {
    if (!isUpstreamError(error)) throw error
    throw new GatewayError('PDS_UNAVAILABLE', `The server of ${input} cannot begin a sign-in now. Try again later.`, {
      cause: error,
    })
  }
}

/** The metadata of a server names an address that no browser may be sent to. */
class UnusableAuthorizationEndpoint extends Error {
  override readonly name = 'UnusableAuthorizationEndpoint'
}

/**
 * A stranger's server names its authorization endpoint (RFC 8414 §2): a browser is sent to a web page, and to nothing
 * else.
 */
function requireWebPage(url: URL, { allowsHttp }: Pick<OAuthClients, 'allowsHttp'>): void {
  const isWeb = url.protocol === 'https:' || (allowsHttp && url.protocol === 'http:')
  if (isWeb && url.username === '' && url.password === '') return
  throw new UnusableAuthorizationEndpoint(`authorization endpoint with ${url.protocol} or with user information`)
}

/**
 * Redeems an authorization response for a grant. Checks `state`, the issuer (RFC 9207), and that the issuer is the
 * authority over the account that it names.
 * @throws AuthorizationRefused
 */
export async function redeemAuthorizationResponse(
  clients: OAuthClients,
  { request, params }: { request: AuthorizationRequest; params: URLSearchParams },
): Promise<Grant> {
  requireIssuerOfError(request, params)
  let grant: Grant | undefined
  const client = clients.withStores({
    stateStore: {
      get: (state) => (state === request.state ? request.saved : undefined),
      set: () => undefined,
      del: () => undefined,
    },
    sessionStore: {
      get: () => undefined,
      set: (_did, session) => {
        grant = session
      },
      del: () => undefined,
    },
  })
  try {
    await client.callback(params)
  } catch (error) {
    if (error instanceof OAuthCallbackError) throw new AuthorizationRefused(refusalCodeOf(error, params), error)
    throw error
  }
  if (grant === undefined) throw new TypeError('the OAuth client kept no session')
  return grant
}

/**
 * An error response, too, must name the issuer that the request was sent to (RFC 9207 §2.4). The library checks it for
 * successful ones only; every atproto server sends it.
 */
function requireIssuerOfError({ saved }: AuthorizationRequest, params: URLSearchParams): void {
  if (!params.has('error') || params.get('iss') === saved.iss) return
  throw new AuthorizationRefused('failed', new Error('error response of another issuer'))
}

function refusalCodeOf(error: OAuthCallbackError, params: URLSearchParams): RefusalCode {
  // RFC 6749 §4.1.2.1. Anybody can send a response, so only these words of it are believed.
  switch (params.get('error')) {
    case 'access_denied':
      return 'access_denied'
    case 'invalid_scope':
      return 'invalid_scope'
    case 'server_error':
    case 'temporarily_unavailable':
      return 'upstream_unavailable'
    case null:
      return isUnreachable(error.cause) ? 'upstream_unavailable' : 'failed'
    default:
      return 'failed'
  }
}

function isUpstreamError(error: unknown): boolean {
  return error instanceof OAuthResponseError || error instanceof UnusableAuthorizationEndpoint || isUnreachable(error)
}
