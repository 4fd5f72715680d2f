import { print } from 'graphql'
import { takeOutcome } from '../../web/flows/outcome.ts'
import { SessionChangedDocument, type SessionChangedSubscription } from '../../web/generated/graphql.ts'
import { startFrontend } from '../frontend/frontend.ts'
import { codeOf, createGatewayClient, problemOf } from './client.ts'

// Before anything else runs: nothing but the exchange may read an exchange token from the address bar.
const outcome = takeOutcome()
const gatewayUrl = import.meta.env.VITE_GATEWAY_URL

const client = createGatewayClient({
  gatewayUrl,
  account: () => frontend.account(),
  onEnded: (operationName) => frontend.ended(operationName),
  onScopeUpgradeRequired: (missingScopes) => frontend.upgrade(missingScopes),
})

const frontend = startFrontend({
  gatewayUrl,
  outcome,
  api: {
    query: async (query, variables, fetchPolicy) => dataOf(await client.query({ query, variables, fetchPolicy })),
    mutate: async (mutation, variables) => dataOf(await client.mutate({ mutation, variables })),
    // In a page whose components watch queries, call `resetStore`, which refetches them.
    forget: async () => void (await client.clearStore()),
    listen({ onChange, onEnd }) {
      // Apollo's links do not support server-sent events; the browser does.
      const query = new URLSearchParams({ query: print(SessionChangedDocument) })
      const stream = new EventSource(`${gatewayUrl}/graphql?${query}`, { withCredentials: true })
      stream.addEventListener('next', (event) => {
        const { data } = JSON.parse(event.data) as { data?: SessionChangedSubscription | null }
        if (data) onChange()
      })
      // Otherwise the browser connects again by itself, even where nobody is signed in any more.
      const end = () => {
        stream.close()
        onEnd()
      }
      stream.addEventListener('complete', end)
      stream.addEventListener('error', end)
      return () => stream.close()
    },
    codeOf,
    problemOf,
  },
})

/** With Apollo's default `errorPolicy` there is always data, or a rejection. Its types allow for the other policies. */
function dataOf<Data>({ data }: { data: Data | undefined }): Data {
  return data as Data
}
