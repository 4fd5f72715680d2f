import { useState } from 'react'
import { type AnyVariables, type TypedDocumentNode, useClient } from 'urql'
import { useViewer } from '../session/viewer.ts'
import { codeOf, problemOf } from './client.ts'

/**
 * Runs mutations for a page that signed-in people see, one at a time. `run` gives what the gateway answered, and rejects with what to
 * say. When the session turns out to have ended, or another tab to have changed it, the page asks again who is signed in.
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
      throw new Error(error === undefined ? 'The gateway gave no answer. Try again.' : problemOf(error))
    } finally {
      setBusy(false)
    }
  }

  return { run, isBusy }
}
