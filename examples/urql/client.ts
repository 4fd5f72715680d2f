import { Client, CombinedError, cacheExchange, fetchExchange, mapExchange } from '@urql/core'

type Options = {
  gatewayUrl: string
  /** The session has ended, or there was none. */
  onUnauthenticated: () => void
  /** The session lacks scopes that the gateway requires. */
  onScopeUpgradeRequired: (missingScopes: string[]) => void
}

/** A urql client of the gateway. The session is the browser's HttpOnly cookie; no script sees it. */
export function createGatewayClient({ gatewayUrl, onUnauthenticated, onScopeUpgradeRequired }: Options): Client {
  const errors = mapExchange({
    onError({ graphQLErrors }) {
      for (const { extensions } of graphQLErrors) {
        if (extensions.code === 'UNAUTHENTICATED') onUnauthenticated()
        if (extensions.code === 'SCOPE_UPGRADE_REQUIRED') onScopeUpgradeRequired(extensions.missingScopes as string[])
      }
    },
  })
  return new Client({
    url: `${gatewayUrl}/graphql`,
    // Without `credentials` the browser neither sends the cookie to another origin nor takes one from it.
    fetchOptions: { credentials: 'include' },
    // `sessionChanged` comes as server-sent events, which urql reads by itself.
    fetchSubscriptions: true,
    exchanges: [cacheExchange, errors, fetchExchange],
  })
}

/** What to say of an error to people. The gateway's own messages are written for them. */
export function problemOf(error: unknown): string {
  const message = error instanceof CombinedError ? error.graphQLErrors[0]?.message : undefined
  return message ?? 'The gateway cannot be reached. Try again.'
}
