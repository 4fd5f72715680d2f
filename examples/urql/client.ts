import { Client, CombinedError, cacheExchange, fetchExchange, getOperationName, mapExchange } from '@urql/core'
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

/** Creates a urql client of the gateway. The session is an HttpOnly cookie, which no script can read. */
export function createGatewayClient({ gatewayUrl, account, onEnded, onScopeUpgradeRequired }: Options): Client {
  const tabAccount = mapExchange({
    onOperation(operation) {
      const headers = accountHeader(account(), getOperationName(operation.query))
      // Without `credentials` the browser neither sends cookies to another origin nor accepts them from it.
      const fetchOptions: RequestInit = { credentials: 'include', headers }
      return { ...operation, context: { ...operation.context, fetchOptions } }
    },
    onError({ graphQLErrors }, operation) {
      for (const { extensions } of graphQLErrors) {
        if (extensions.code === 'UNAUTHENTICATED' || extensions.code === 'ACCOUNT_CHANGED')
          onEnded(getOperationName(operation.query))
        if (extensions.code === 'SCOPE_UPGRADE_REQUIRED') onScopeUpgradeRequired(extensions.missingScopes as string[])
      }
    },
  })
  return new Client({
    url: `${gatewayUrl}/graphql`,
    // `sessionChanged` is delivered as server-sent events, which urql reads natively.
    fetchSubscriptions: true,
    exchanges: [cacheExchange, tabAccount, fetchExchange],
  })
}

/** Returns the gateway's error code, or null for an error that does not come from it. */
export function codeOf(error: unknown): string | null {
  const code = error instanceof CombinedError ? error.graphQLErrors[0]?.extensions.code : undefined
  return typeof code === 'string' ? code : null
}

/** Returns a message for people. The gateway's own messages are written for them. */
export function problemOf(error: unknown): string {
  const message = error instanceof CombinedError ? error.graphQLErrors[0]?.message : undefined
  return message ?? 'The gateway cannot be reached. Try again.'
}
