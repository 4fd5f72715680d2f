import { type AtprotoOAuthTokenResponse, JoseKey, OAuthResponseError } from '@atproto/oauth-client-node'
import { GatewayError } from '../../platform/errors.ts'
import type { OAuthClients } from '../client.ts'
import { isUnreachable } from '../upstream-errors.ts'
import type { Grant } from './grant.ts'
import { tokenEnd } from './token-life.ts'

/** Another server is now the authority over the account: what the former one granted is worth nothing any more. */
export class IssuerMoved extends Error {
  override readonly name = 'IssuerMoved'
}

/** The authorization server does not accept the refresh token (RFC 6749 §5.2, `invalid_grant`). */
export class RefreshRefused extends Error {
  override readonly name = 'RefreshRefused'
}

/** Asks an authorization server for the next token set. */
export interface RefreshRequest {
  /**
   * Does everything that can be done before the refresh token is sent: finds the server, and makes sure that it is the
   * authority over the account.
   * @throws IssuerMoved, GatewayError PDS_UNAVAILABLE
   */
  prepare(grant: Grant): Promise<PreparedRefresh>
}

export interface PreparedRefresh {
  /**
   * Sends the refresh token.
   * @param beforeSending runs right before the request is sent, and again before it is repeated; nothing is sent when
   * it rejects
   * @throws RefreshRefused, GatewayError PDS_UNAVAILABLE, and whatever `beforeSending` rejects with
   */
  send(beforeSending: () => Promise<void>): Promise<Grant>
}

/** In milliseconds, as the library gives it. */
const RESOLVING_TAKES = 10_000

/**
 * The request as the library makes it, but not by its `restore` or `refresh`. `restore` revokes the new tokens when its
 * store rejects, and drops a session on any TypeError; `refresh` resolves the account, which may take long, between
 * the moment at which the lease is checked and the request. So the account is resolved first, as `refresh` does it, and
 * what is left to do under the lease is one POST.
 */
export function createRefreshRequest(clients: OAuthClients): RefreshRequest {
  return {
    async prepare(grant) {
      const { tokenSet, authMethod, dpopJwk } = grant
      const { metadata, pds } = await asUpstream(() =>
        // Past the caches: that this issuer is still the authority must be known anew for each token set.
        clients.withStores({}).oauthResolver.resolveFromIdentity(tokenSet.sub, {
          noCache: true,
          allowStale: false,
          signal: AbortSignal.timeout(RESOLVING_TAKES),
        }),
      )
      if (metadata.issuer !== tokenSet.iss) throw new IssuerMoved(`${metadata.issuer} instead of ${tokenSet.iss}`)
      const key = await JoseKey.fromJWK(dpopJwk)
      return {
        async send(beforeSending) {
          const permission = createPermission(beforeSending)
          const client = clients.beforeEachPost(permission.ask)
          const server = await client.serverFactory.fromMetadata(metadata, authMethod, key)
          const sentAt = Date.now()
          const response = await asUpstream(() =>
            server.request('token', { grant_type: 'refresh_token', refresh_token: tokenSet.refresh_token ?? '' }),
          ).catch(permission.rethrow)
          return { ...grant, tokenSet: nextTokenSet(tokenSet, { response, sentAt, aud: pds.href }) }
        },
      }
    },
  }
}

/**
 * Asks before each request, and remembers the refusal: the library makes any error of a fetch into one of the network,
 * by which nobody could see that nothing was sent.
 */
function createPermission(beforeSending: () => Promise<void>) {
  let refusal: { error: unknown } | undefined
  return {
    async ask(): Promise<void> {
      try {
        await beforeSending()
      } catch (error) {
        refusal = { error }
        throw error
      }
    },
    rethrow(error: unknown): never {
      throw refusal === undefined ? error : refusal.error
    },
  }
}

type Next = {
  response: AtprotoOAuthTokenResponse
  /** When the request was sent: the new access token ends no earlier than its life after that. */
  sentAt: number
  aud: string
}

function nextTokenSet({ iss, sub }: Grant['tokenSet'], { response, sentAt, aud }: Next): Grant['tokenSet'] {
  if (response.sub !== sub) throw new Error('the token response is for another account')
  const { access_token, refresh_token, scope, token_type, expires_in } = response
  return {
    iss,
    sub,
    aud,
    scope,
    token_type,
    access_token,
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(expires_in === undefined ? {} : { expires_at: tokenEnd(expires_in, sentAt) }),
  }
}

/** Tells what the server did from what went wrong here. */
async function asUpstream<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OAuthResponseError && error.status === 400 && error.error === 'invalid_grant') {
      throw new RefreshRefused('the refresh token is not accepted', { cause: error })
    }
    if (error instanceof OAuthResponseError || isUnreachable(error)) {
      throw new GatewayError('PDS_UNAVAILABLE', 'The server of the account does not answer. Try again in a minute.', {
        cause: error,
        retryAfter: 60,
      })
    }
    throw error
  }
}
