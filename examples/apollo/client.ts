import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client'
import { ErrorLink } from '@apollo/client/link/error'

type Options = {
  gatewayUrl: string
  /** The session has ended, or there was none. */
  onUnauthenticated: () => void
  /** The session lacks scopes that the gateway requires. */
  onScopeUpgradeRequired: (missingScopes: string[]) => void
}

/** Creates an Apollo Client of the gateway. The session is an HttpOnly cookie, which no script can read. */
export function createGatewayClient({ gatewayUrl, onUnauthenticated, onScopeUpgradeRequired }: Options): ApolloClient {
  const errors = new ErrorLink(({ error }) => {
    if (!CombinedGraphQLErrors.is(error)) return
    for (const { extensions } of error.errors) {
      if (extensions?.code === 'UNAUTHENTICATED') onUnauthenticated()
      if (extensions?.code === 'SCOPE_UPGRADE_REQUIRED') onScopeUpgradeRequired(extensions.missingScopes as string[])
    }
  })
  // Without `credentials` the browser neither sends cookies to another origin nor accepts them from it.
  const http = new HttpLink({ uri: `${gatewayUrl}/graphql`, credentials: 'include' })
  return new ApolloClient({ link: ApolloLink.from([errors, http]), cache: new InMemoryCache() })
}

/** Returns a message for people. The gateway's own messages are written for them. */
export function problemOf(error: unknown): string {
  const message = CombinedGraphQLErrors.is(error) ? error.errors[0]?.message : undefined
  return message ?? 'The gateway cannot be reached. Try again.'
}
