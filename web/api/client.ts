import { Client, type CombinedError, cacheExchange, fetchExchange } from 'urql'

/** A GraphQL client of the gateway that this page came from. The session is the browser's HttpOnly cookie; no script sees it. */
export function createApiClient(): Client {
  return new Client({
    url: '/graphql',
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { credentials: 'same-origin' },
    fetchSubscriptions: true,
    // Another tab may have changed anything since; what is shown is asked for.
    requestPolicy: 'network-only',
    preferGetMethod: false,
  })
}

/** The error code of the gateway, or null when it was not the gateway that said something. */
export function codeOf(error: CombinedError): string | null {
  const code = error.graphQLErrors[0]?.extensions?.code
  return typeof code === 'string' ? code : null
}

/** What went wrong, for people to read. The gateway's own messages are written for them. */
export function problemOf(error: CombinedError): string {
  return error.graphQLErrors[0]?.message ?? UNREACHABLE
}

/** What to say when no answer came. */
export const UNREACHABLE = 'The gateway cannot be reached. Check your connection and try again.'
