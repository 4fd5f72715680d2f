import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from 'react'

/** A message that belongs to no field. */
export type Notice = { tone: 'good' | 'bad'; text: string; action?: NoticeAction }

/** What the user can do about a notice. `run` throws an Error whose message is for people to read. */
export type NoticeAction = { label: string; run: () => Promise<void> }

const NoticeContext = createContext<(notice: Notice) => void>(() => {})

/** Returns a function that shows a notice at the foot of the page, where it moves nothing else. */
export const useNotify = () => useContext(NoticeContext)

/** How long a good notice stays, in milliseconds. A bad one stays until it is dismissed. */
const GOOD_NOTICE = 8000

/** Shows one notice at a time, and has screen readers announce it. */
export function Notices({ first, children }: { first: Notice | null; children: ReactNode }) {
  const [notice, setNotice] = useState(first)
  const dismiss = useCallback(() => setNotice(null), [])
  useEffect(() => {
    if (notice?.tone !== 'good') return
    const timer = setTimeout(dismiss, GOOD_NOTICE)
    return () => clearTimeout(timer)
  }, [notice, dismiss])

  return (
    <NoticeContext value={setNotice}>
      {children}
      <div className="notices">
        {/* Both regions exist from the start, because a screen reader announces changes of existing regions only. */}
        <div role="status">{notice?.tone === 'good' && <Card {...notice} onDismiss={dismiss} />}</div>
        <div role="alert">{notice?.tone === 'bad' && <Card {...notice} onDismiss={dismiss} />}</div>
      </div>
    </NoticeContext>
  )
}

function Card({ tone, text, action, onDismiss }: Notice & { onDismiss: () => void }) {
  const notify = useNotify()
  const act = ({ run }: NoticeAction) =>
    run().catch((error: Error) => notify({ tone: 'bad', text: error.message, ...(action && { action }) }))
  return (
    <div className={`notice ${tone}`}>
      <p className="names">{text}</p>
      {action !== undefined && (
        <button type="button" className="button" onClick={() => act(action)}>
          {action.label}
        </button>
      )}
      <button type="button" className="button quiet" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  )
}
