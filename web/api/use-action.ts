import { useState } from 'react'
import { type AnyVariables, type TypedDocumentNode, useClient } from 'urql'
import { problemOf } from './client.ts'

/**
 * Runs mutations on a page for signed-in users, one at a time. `run` returns the data, and rejects with an error whose
 * message is for people.
 */
export function useAction() {
  const client = useClient()
  const [isBusy, setBusy] = useState(false)

  async function run<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    setBusy(true)
    try {
      const { data, error } = await client.mutation(document, variables).toPromise()
      if (data && error === undefined) return data
      throw new Error(error === undefined ? 'The gateway did not respond. Try again.' : problemOf(error))
    } finally {
      setBusy(false)
    }
  }

  return { run, isBusy }
}
