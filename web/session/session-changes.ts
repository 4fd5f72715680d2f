import { useEffect, useSyncExternalStore } from 'react'
import type { Client } from 'urql'
import { onEnd, pipe, subscribe } from 'wonka'
import { SessionChangedDocument } from '../generated/graphql.ts'

type Options = {
  client: Client
  /** Nobody else has anything to listen to. */
  isSignedIn: boolean
  /** Called after a change, and when one may have been missed: the tab was out of view, or the stream ended. */
  onChange: () => void
}

const FIRST_RETRY = 1000
const LONGEST_RETRY = 60_000

/**
 * Listens to changes of the session group in other tabs, only while this tab is in view. Browsers open six connections
 * to a server over HTTP/1.1, so listeners in many tabs would leave none for queries. A tab that comes into view queries
 * by itself.
 */
export function useSessionChanges({ client, isSignedIn, onChange }: Options): void {
  const isVisible = useSyncExternalStore(onVisibilityChange, () => document.visibilityState === 'visible')

  useEffect(() => {
    if (isSignedIn && isVisible) return listen(client, onChange)
  }, [client, isSignedIn, isVisible, onChange])

  useEffect(() => {
    const changeIfVisible = () => document.visibilityState === 'visible' && onChange()
    document.addEventListener('visibilitychange', changeIfVisible)
    addEventListener('focus', changeIfVisible)
    addEventListener('online', changeIfVisible)
    return () => {
      document.removeEventListener('visibilitychange', changeIfVisible)
      removeEventListener('focus', changeIfVisible)
      removeEventListener('online', changeIfVisible)
    }
  }, [onChange])
}

function onVisibilityChange(notify: () => void): () => void {
  document.addEventListener('visibilitychange', notify)
  return () => document.removeEventListener('visibilitychange', notify)
}

/**
 * Subscribes, and subscribes again whenever the stream ends: with its token, after an hour, when the gateway restarts,
 * or when a proxy times out. A change may have happened between two streams.
 */
function listen(client: Client, onChange: () => void): () => void {
  let isOver = false
  let retry = FIRST_RETRY
  let timer: ReturnType<typeof setTimeout> | undefined
  let unsubscribe = () => {}

  function connect(): void {
    const stream = pipe(
      client.subscription(SessionChangedDocument, {}),
      onEnd(() => {
        if (isOver) return
        onChange()
        timer = setTimeout(connect, retry)
        retry = Math.min(retry * 2, LONGEST_RETRY)
      }),
      subscribe(({ data }) => {
        if (isOver || !data) return
        retry = FIRST_RETRY
        onChange()
      }),
    )
    unsubscribe = stream.unsubscribe
  }

  connect()
  return () => {
    isOver = true
    clearTimeout(timer)
    unsubscribe()
  }
}
