import {
  FetchError,
  type NodeSavedSession,
  type NodeSavedState,
  OAuthCallbackError,
  OAuthResolverError,
  OAuthResponseError,
} from '@atproto/oauth-client-node'
import { GatewayError } from '../platform/errors.ts'
import type { OAuthClients } from './client.ts'

/** What the authorization server granted: token set, DPoP key and how the client authenticated. Secret as a whole. */
export type Grant = NodeSavedSession

/** An authorization request under way: the `state` that its answer will carry, and what is needed to redeem it. Secret. */
export type AuthorizationRequest = { state: string; saved: NodeSavedState }

/** Why an authorization came to nothing, in the words of `auth_error`. */
export type RefusalCode = 'access_denied' | 'invalid_scope' | 'upstream_unavailable' | 'failed'

/** The authorization server, or the answer that came in its name, did not give a grant. */
export class AuthorizationRefused extends Error {
  override readonly name = 'AuthorizationRefused'
  readonly code: RefusalCode

  constructor(code: RefusalCode, cause: unknown) {
    super(`authorization refused: ${code}`, { cause })
    this.code = code
  }
}

/**
 * Pushes an authorization request (RFC 9126) to the account's authorization server.
 * @param input a handle, a DID, or the URL of a PDS or entryway
 * @throws GatewayError PDS_UNAVAILABLE
 */
export async function pushAuthorizationRequest(
  clients: OAuthClients,
  { input, scope, prompt }: { input: string; scope: string; prompt?: 'create' | 'login' },
): Promise<{ authUrl: string; request: AuthorizationRequest }> {
  let request: AuthorizationRequest | undefined
  const client = clients.over({
    stateStore: {
      get: () => undefined,
      set: (state, saved) => {
        request = { state, saved }
      },
      del: () => undefined,
    },
  })
  try {
    const url = await client.authorize(input, { scope, ...(prompt === undefined ? {} : { prompt }) })
    if (request === undefined) throw new TypeError('the OAuth client kept no state')
    return { authUrl: url.href, request }
  } catch (error) {
    if (!isUpstreamError(error)) throw error
    throw new GatewayError('PDS_UNAVAILABLE', `The server of ${input} cannot begin a sign-in now. Try again later.`, {
      cause: error,
    })
  }
}

/**
 * Redeems the authorization server's answer for a grant. Checks state, issuer (RFC 9207), and that the issuer is the
 * authority over the account that it names.
 * @throws AuthorizationRefused
 */
export async function redeemAuthorizationResponse(
  clients: OAuthClients,
  { request, params }: { request: AuthorizationRequest; params: URLSearchParams },
): Promise<Grant> {
  let grant: Grant | undefined
  const client = clients.over({
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

function refusalCodeOf(error: OAuthCallbackError, params: URLSearchParams): RefusalCode {
  // RFC 6749 §4.1.2.1. What the answer says is only believed as far as these words.
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
  return error instanceof OAuthResponseError || isUnreachable(error)
}

/** Network failures, servers that answer 5xx, and servers whose metadata cannot be had. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof OAuthResponseError) return error.status >= 500
  if (error instanceof OAuthResolverError || error instanceof FetchError) return true
  // What fetch itself throws for a network failure has the reason as its cause; a programming mistake has none.
  return error instanceof TypeError && error.cause !== undefined
}
