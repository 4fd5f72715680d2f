import { print } from 'graphql'
import { takeOutcome } from '../../web/flows/outcome.ts'
import { SessionChangedDocument, type SessionChangedSubscription } from '../../web/generated/graphql.ts'
import { startFrontend } from '../frontend/frontend.ts'
import { createGatewayClient, problemOf } from './client.ts'

// Before anything else: an exchange token in the address bar is for nobody but the exchange.
const outcome = takeOutcome()
const gatewayUrl = import.meta.env.VITE_GATEWAY_URL

const client = createGatewayClient({
  gatewayUrl,
  onUnauthenticated: () => frontend.look(),
  onScopeUpgradeRequired: (missingScopes) => frontend.upgrade(missingScopes),
})

const frontend = startFrontend({
  gatewayUrl,
  outcome,
  api: {
    query: async (query, variables, fetchPolicy) => dataOf(await client.query({ query, variables, fetchPolicy })),
    mutate: async (mutation, variables) => dataOf(await client.mutate({ mutation, variables })),
    // In a page whose components watch queries, `resetStore`, which asks them again.
    forget: async () => void (await client.clearStore()),
    listen(onChange) {
      // Apollo's links do not know server-sent events; the browser does.
      const query = new URLSearchParams({ query: print(SessionChangedDocument) })
      const stream = new EventSource(`${gatewayUrl}/graphql?${query}`, { withCredentials: true })
      stream.addEventListener('next', (event) => {
        const { data } = JSON.parse(event.data) as { data?: SessionChangedSubscription | null }
        // No data: the session ended before it could be listened to, and the error link does not see what comes here.
        if (data) onChange(data.sessionChanged.kind)
        else frontend.look()
      })
      // Or it would connect again, as a session that has ended.
      stream.addEventListener('complete', () => stream.close())
      return () => stream.close()
    },
    problemOf,
  },
})

/** With Apollo's default `errorPolicy` there is data wherever it does not reject; its types allow for the others. */
function dataOf<Data>({ data }: { data: Data | undefined }): Data {
  return data as Data
}
