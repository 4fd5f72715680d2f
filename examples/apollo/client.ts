import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { accountHeader } from '../../web/api/named-account.ts'

type Options = {
  gatewayUrl: string
  /** The DID of the account that this tab acts as, or null for the active account. */
  account: () => string | null
  /** An operation was refused because the session, or the account of this tab, has ended. */
  onEnded: (operationName: string | undefined) => void
  /** The session lacks scopes that the gateway requires. */
  onScopeUpgradeRequired: (missingScopes: string[]) => void
}

/** Creates an Apollo Client of the gateway. The session is an HttpOnly cookie, which no script can read. */
export function createGatewayClient({ gatewayUrl, account, onEnded, onScopeUpgradeRequired }: Options): ApolloClient {
  const errors = new ErrorLink(({ error, operation }) => {
    if (!CombinedGraphQLErrors.is(error)) return
    for (const { extensions } of error.errors) {
      if (extensions?.code === 'UNAUTHENTICATED' || extensions?.code === 'ACCOUNT_CHANGED')
        onEnded(operation.operationName)
      if (extensions?.code === 'SCOPE_UPGRADE_REQUIRED') onScopeUpgradeRequired(extensions.missingScopes as string[])
    }
  })
  const naming = new SetContextLink((_context, { operationName }) => ({
    headers: accountHeader(account(), operationName),
  }))
  // Without `credentials` the browser neither sends cookies to another origin nor accepts them from it.
  const http = new HttpLink({ uri: `${gatewayUrl}/graphql`, credentials: 'include' })
  return new ApolloClient({ link: ApolloLink.from([errors, naming, http]), cache: new InMemoryCache() })
}

/** Returns the gateway's error code, or null for an error that does not come from it. */
export function codeOf(error: unknown): string | null {
  const code = CombinedGraphQLErrors.is(error) ? error.errors[0]?.extensions?.code : undefined
  return typeof code === 'string' ? code : null
}

/** Returns a message for people. The gateway's own messages are written for them. */
export function problemOf(error: unknown): string {
  const message = CombinedGraphQLErrors.is(error) ? error.errors[0]?.message : undefined
  return message ?? 'The gateway cannot be reached. Try again.'
}
