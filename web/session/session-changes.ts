import { useEffect, useSyncExternalStore } from 'react'
import type { Client } from 'urql'
import { onEnd, pipe, subscribe } from 'wonka'
import { codeOf } from '../api/client.ts'
import { SessionChangedDocument, type SessionChangeKind } from '../generated/graphql.ts'

type Options = {
  client: Client
  /** Undefined while nobody is signed in: then there is nothing to listen to. */
  sessionId: string | undefined
  onChange: (kind: SessionChangeKind) => void
  /**
   * Called when a change may have been missed: the tab was out of view, or the session ended before it could listen.
   */
  onReturn: () => void
}

const FIRST_RETRY = 1000
const LONGEST_RETRY = 60_000

/**
 * Listens to changes of the session group in other tabs, only while this tab is in view. Browsers open six connections
 * to a server over HTTP/1.1, so listeners in many tabs would leave none for queries. A tab that comes into view queries
 * by itself.
 */
export function useSessionChanges({ client, sessionId, onChange, onReturn }: Options): void {
  const isVisible = useSyncExternalStore(onVisibilityChange, () => document.visibilityState === 'visible')

  useEffect(() => {
    if (sessionId !== undefined && isVisible) return listen({ client, onChange, onReturn })
  }, [client, sessionId, isVisible, onChange, onReturn])

  useEffect(() => {
    const returnIfVisible = () => document.visibilityState === 'visible' && onReturn()
    document.addEventListener('visibilitychange', returnIfVisible)
    addEventListener('focus', returnIfVisible)
    addEventListener('online', returnIfVisible)
    return () => {
      document.removeEventListener('visibilitychange', returnIfVisible)
      removeEventListener('focus', returnIfVisible)
      removeEventListener('online', returnIfVisible)
    }
  }, [onReturn])
}

function onVisibilityChange(notify: () => void): () => void {
  document.addEventListener('visibilitychange', notify)
  return () => document.removeEventListener('visibilitychange', notify)
}

/** Subscribes, and subscribes again whenever the stream ends: a gateway restarts, or a proxy times out. */
function listen({ client, onChange, onReturn }: Pick<Options, 'client' | 'onChange' | 'onReturn'>): () => void {
  let isOver = false
  let retry = FIRST_RETRY
  let timer: ReturnType<typeof setTimeout> | undefined
  let unsubscribe = () => {}

  function connect(): void {
    const stream = pipe(
      client.subscription(SessionChangedDocument, {}),
      onEnd(() => {
        if (isOver) return
        timer = setTimeout(connect, retry)
        retry = Math.min(retry * 2, LONGEST_RETRY)
      }),
      subscribe(({ data, error }) => {
        if (isOver) return
        if (data) {
          retry = FIRST_RETRY
          onChange(data.sessionChanged.kind)
        } else if (error !== undefined && codeOf(error) === 'UNAUTHENTICATED') {
          onReturn()
        }
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
