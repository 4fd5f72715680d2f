import { useEffect, useSyncExternalStore } from 'react'
import type { Client } from 'urql'
import { onEnd, pipe, subscribe } from 'wonka'
import { codeOf } from '../api/client.ts'
import { SessionChangedDocument, type SessionChangeKind } from '../generated/graphql.ts'

type Options = {
  client: Client
  /** Undefined while nobody is signed in: then there is nothing to be told of. */
  sessionId: string | undefined
  onChange: (kind: SessionChangeKind) => void
  /** Something may have been missed: the tab was out of view, or the session ended before it could listen. */
  onReturn: () => void
}

const FIRST_RETRY = 1000
const LONGEST_RETRY = 60_000

/**
 * Listens to what happens to the session group in other tabs. Only while this tab is in view: browsers open six connections to a server
 * over HTTP/1.1, and a listener in each of many tabs would leave none to ask with. A tab that comes into view looks by itself.
 */
export function useSessionChanges({ client, sessionId, onChange, onReturn }: Options): void {
  const isVisible = useSyncExternalStore(onVisibilityChange, () => document.visibilityState === 'visible')

  useEffect(() => {
    if (sessionId !== undefined && isVisible) return listen({ client, onChange, onReturn })
  }, [client, sessionId, isVisible, onChange, onReturn])

  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && onReturn()
    document.addEventListener('visibilitychange', look)
    addEventListener('focus', look)
    addEventListener('online', look)
    return () => {
      document.removeEventListener('visibilitychange', look)
      removeEventListener('focus', look)
      removeEventListener('online', look)
    }
  }, [onReturn])
}

function onVisibilityChange(notify: () => void): () => void {
  document.addEventListener('visibilitychange', notify)
  return () => document.removeEventListener('visibilitychange', notify)
}

/** Subscribes, and again whenever the stream ends: a gateway restarts, a proxy loses patience. */
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
