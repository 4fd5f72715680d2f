import { Client, CombinedError, cacheExchange, fetchExchange, mapExchange } from '@urql/core'

type Options = {
  gatewayUrl: string
  /** The session has ended, or there was none. */
  onUnauthenticated: () => void
  /** The session lacks scopes that the gateway requires. */
  onScopeUpgradeRequired: (missingScopes: string[]) => void
}

/** Creates a urql client of the gateway. The session is an HttpOnly cookie, which no script can read. */
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
    // Without `credentials` the browser neither sends cookies to another origin nor accepts them from it.
    fetchOptions: { credentials: 'include' },
    // `sessionChanged` is delivered as server-sent events, which urql reads natively.
    fetchSubscriptions: true,
    exchanges: [cacheExchange, errors, fetchExchange],
  })
}

/** Returns a message for people. The gateway's own messages are written for them. */
export function problemOf(error: unknown): string {
  const message = error instanceof CombinedError ? error.graphQLErrors[0]?.message : undefined
  return message ?? 'The gateway cannot be reached. Try again.'
}
