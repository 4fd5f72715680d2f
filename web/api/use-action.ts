import { useState } from 'react'
import { type AnyVariables, type TypedDocumentNode, useClient } from 'urql'
import { useViewer } from '../session/viewer.ts'
import { codeOf, problemOf } from './client.ts'

/**
 * Runs mutations on a page for signed-in users, one at a time. `run` returns the data, and rejects with an error whose
 * message is for people. If the session has ended, or another tab has changed it, the page queries again who is signed
 * in.
 */
export function useAction() {
  const client = useClient()
  const { refresh } = useViewer()
  const [isBusy, setBusy] = useState(false)

  async function run<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    setBusy(true)
    try {
      const { data, error } = await client.mutation(document, variables).toPromise()
      if (data && error === undefined) return data
      const code = error === undefined ? null : codeOf(error)
      if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') void refresh()
      throw new Error(error === undefined ? 'The gateway did not respond. Try again.' : problemOf(error))
    } finally {
      setBusy(false)
    }
  }

  return { run, isBusy }
}
