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

/** The delays before each query, in milliseconds, until the browser has the cookie that belongs to a change. */
const DELAYS = [0, 150, 500, 1500]

/**
 * The state of this page, in step with other tabs: queried at the start, after each change that the gateway reports,
 * and when the tab comes back into view. `refresh` queries again, after a change made here.
 */
export function usePortalState(client: Client): { state: PortalState; refresh: () => Promise<void> } {
  const [state, setState] = useState<PortalState>({ status: 'loading' })
  const latest = useRef(0)

  const load = useCallback(async (change: SessionChangeKind | null) => {
    const attempt = ++latest.current
    for await (const { data, error, isFinal } of queryUntilSettled(change)) {
      // A later load is under way.
      if (attempt !== latest.current) return
      if (!data) return setState((known) => afterFailure(known, error))
      if (isFinal || mayBeShown(data.currentUser ?? null, change)) setState({ status: 'ready', data })
    }
  }, [])

  const refresh = useCallback(() => load(null), [load])
  useEffect(() => void refresh(), [refresh])

  const sessionId = state.status === 'ready' ? state.data.currentUser?.session.id : undefined
  const onChange = useCallback((kind: SessionChangeKind) => void load(kind), [load])
  useSessionChanges({ client, sessionId, onChange, onReturn: refresh })
  return { state, refresh }
}

/**
 * Queries who is signed in until the result is settled (see `isSettled`). If no other tab has made a change, "nobody"
 * is settled too. An account that is not the active one never is: that query was sent with a cookie from before the
 * change.
 */
async function* queryUntilSettled(change: SessionChangeKind | null) {
  for (const [index, delay] of DELAYS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, delay))
    // A new client for each query: a client shares the response of an equal query in flight, which may predate the
    // change.
    const { data, error } = await createApiClient().query(PortalDocument, {}).toPromise()
    const user = data?.currentUser ?? null
    const isNobody = user === null && change === null
    const isFinal = isSettled(user) || isNobody || index === DELAYS.length - 1
    yield { data, error, isFinal }
    if (isFinal) return
  }
}

/** Keeps what is on the page while the gateway is unreachable. */
function afterFailure(known: PortalState, error: CombinedError | undefined): PortalState {
  if (known.status === 'ready') return known
  return { status: 'failed', problem: error === undefined ? UNREACHABLE : problemOf(error) }
}
