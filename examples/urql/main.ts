import type { OperationResult } from '@urql/core'
import { pipe, subscribe, onEnd as whenEnded } from 'wonka'
import { takeOutcome } from '../../web/flows/outcome.ts'
import { SessionChangedDocument } from '../../web/generated/graphql.ts'
import { startFrontend } from '../frontend/frontend.ts'
import { codeOf, createGatewayClient, problemOf } from './client.ts'

// Before anything else runs: nothing but the exchange may read an exchange token from the address bar.
const outcome = takeOutcome()
const gatewayUrl = import.meta.env.VITE_GATEWAY_URL

const connect = () =>
  createGatewayClient({
    gatewayUrl,
    account: () => frontend.account(),
    onEnded: (operationName) => frontend.ended(operationName),
    onScopeUpgradeRequired: (missingScopes) => frontend.upgrade(missingScopes),
  })
let client = connect()

const frontend = startFrontend({
  gatewayUrl,
  outcome,
  api: {
    query: async (query, variables, requestPolicy) => dataOf(await client.query(query, variables, { requestPolicy })),
    mutate: async (mutation, variables) => dataOf(await client.mutation(mutation, variables)),
    // urql's cache cannot be emptied, but a new client has an empty one. In React, pass the new client to its
    // `Provider`.
    async forget() {
      client = connect()
    },
    listen({ onChange, onEnd }) {
      let isOver = false
      const { unsubscribe } = pipe(
        client.subscription(SessionChangedDocument, {}),
        // Also when the subscriber leaves.
        whenEnded(() => isOver || onEnd()),
        subscribe(({ data }) => data && onChange()),
      )
      return () => {
        isOver = true
        unsubscribe()
      }
    },
    codeOf,
    problemOf,
  },
})

function dataOf<Data>({ data, error }: OperationResult<Data>): Data {
  if (error !== undefined || data === undefined) throw error
  return data
}
