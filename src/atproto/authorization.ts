import { OAuthCallbackError } from '@atproto/oauth-client-node'
import type { OAuthClients } from './client.ts'
import type { Grant } from './grants/grant.ts'
import type { AuthorizationRequest } from './push/authorization-request.ts'
import { isUnreachable } from './upstream-errors.ts'

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
