import { FetchError, OAuthResolverError, OAuthResponseError } from '@atproto/oauth-client-node'

/** Network failures, servers that answer 5xx, and servers whose metadata cannot be fetched. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof OAuthResponseError) return error.status >= 500
  if (error instanceof OAuthResolverError || error instanceof FetchError) return true
  // fetch throws a TypeError with a cause for a network failure; a programming mistake has no cause.
  return error instanceof TypeError && error.cause !== undefined
}
