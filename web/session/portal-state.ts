import { useCallback, useEffect, useRef, useState } from 'react'
import type { Client, CombinedError } from 'urql'
import { createApiClient, problemOf, UNREACHABLE } from '../api/client.ts'
import { PortalDocument, type PortalQuery, type SessionChangeKind } from '../generated/graphql.ts'
import { useSessionChanges } from './session-changes.ts'
import { isSettled, mayBeShown } from './settled.ts'

/** Who is signed in, and what the gateway offers. */
export type PortalState =
  | { status: 'loading' }
  | { status: 'ready'; data: PortalQuery }
  | { status: 'failed'; problem: string }

/** When to look again until the browser has the cookie that belongs to a change, in milliseconds. */
const LOOKS = [0, 150, 500, 1500]

/**
 * The state of this page, kept true across tabs: asked for at the start, after each change that the gateway tells of, and when the
 * tab comes back into view. `refresh` asks again after a change made here.
 */
export function usePortalState(client: Client): { state: PortalState; refresh: () => Promise<void> } {
  const [state, setState] = useState<PortalState>({ status: 'loading' })
  const latest = useRef(0)

  const look = useCallback(async (change: SessionChangeKind | null) => {
    const turn = ++latest.current
    for await (const { data, error, isFinal } of looks(change)) {
      // A later look knows better.
      if (turn !== latest.current) return
      if (!data) return setState((known) => afterFailure(known, error))
      if (isFinal || mayBeShown(data.currentUser ?? null, change)) setState({ status: 'ready', data })
    }
  }, [])

  const refresh = useCallback(() => look(null), [look])
  useEffect(() => void refresh(), [refresh])

  const sessionId = state.status === 'ready' ? state.data.currentUser?.session.id : undefined
  const onChange = useCallback((kind: SessionChangeKind) => void look(kind), [look])
  useSessionChanges({ client, sessionId, onChange, onReturn: refresh })
  return { state, refresh }
}

/**
 * Asks who is signed in until the answer is settled. Without a change elsewhere, that nobody is signed in is settled as well; that somebody is who
 * is not the active one never is: it was asked with a cookie from before the change.
 */
async function* looks(change: SessionChangeKind | null) {
  for (const [index, delay] of LOOKS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, delay))
    // A client for each question. One client would give the answer of a like question that is on its way, from before the change.
    const { data, error } = await createApiClient().query(PortalDocument, {}).toPromise()
    const user = data?.currentUser ?? null
    const isNobody = user === null && change === null
    const isFinal = isSettled(user) || isNobody || index === LOOKS.length - 1
    yield { data, error, isFinal }
    if (isFinal) return
  }
}

/** What was known stays on the page while the gateway is away. */
function afterFailure(known: PortalState, error: CombinedError | undefined): PortalState {
  if (known.status === 'ready') return known
  return { status: 'failed', problem: error === undefined ? UNREACHABLE : problemOf(error) }
}
