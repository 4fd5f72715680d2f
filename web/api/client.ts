import { Client, type CombinedError, cacheExchange, fetchExchange, getOperationName, mapExchange } from 'urql'
import { accountHeader } from './named-account.ts'

type Options = {
  /** The DID of the account that requests act as, or null for the active account. */
  account?: string | null
  /** Called when a response says that the account, or the session, has ended. */
  onEnded?: () => void
}

const ENDED = new Set<unknown>(['UNAUTHENTICATED', 'FORBIDDEN', 'ACCOUNT_CHANGED'])

/**
 * Creates a GraphQL client of the gateway that serves this page. The session is an HttpOnly cookie, which no script can
 * read.
 */
export function createApiClient({ account = null, onEnded }: Options = {}): Client {
  const naming = mapExchange({
    onOperation(operation) {
      const headers = accountHeader(account, getOperationName(operation.query))
      const fetchOptions: RequestInit = { credentials: 'same-origin', headers }
      return { ...operation, context: { ...operation.context, fetchOptions } }
    },
    onError(error) {
      if (ENDED.has(codeOf(error))) onEnded?.()
    },
  })
  return new Client({
    url: '/graphql',
    exchanges: [cacheExchange, naming, fetchExchange],
    fetchSubscriptions: true,
    // Another tab may have changed anything meanwhile, so each page queries what it shows.
    requestPolicy: 'network-only',
    preferGetMethod: false,
  })
}

/** Returns the error code of the gateway, or null for an error that does not come from it. */
export function codeOf(error: CombinedError): string | null {
  const code = error.graphQLErrors[0]?.extensions?.code
  return typeof code === 'string' ? code : null
}

/** Returns a message for people. The gateway's own messages are written for them. */
export function problemOf(error: CombinedError): string {
  return error.graphQLErrors[0]?.message ?? UNREACHABLE
}

/** The message when there was no response. */
export const UNREACHABLE = 'The gateway cannot be reached. Check your connection and try again.'
