import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from 'react'

/** Something to say that belongs to no field. */
export type Notice = { tone: 'good' | 'bad'; text: string }

const NoticeContext = createContext<(notice: Notice) => void>(() => {})

/** Says something at the foot of the page, where it moves nothing else. */
export const useNotify = () => useContext(NoticeContext)

/** How long good news stays, in milliseconds. Bad news stays until it is dismissed. */
const GOOD_NEWS = 8000

/** Shows one notice at a time, and reads it out. */
export function Notices({ first, children }: { first: Notice | null; children: ReactNode }) {
  const [notice, setNotice] = useState(first)
  const dismiss = useCallback(() => setNotice(null), [])
  useEffect(() => {
    if (notice?.tone !== 'good') return
    const timer = setTimeout(dismiss, GOOD_NEWS)
    return () => clearTimeout(timer)
  }, [notice, dismiss])

  return (
    <NoticeContext value={setNotice}>
      {children}
      <div className="notices">
        {/* Both regions are there from the start: a screen reader announces what changes in them. */}
        <div role="status">{notice?.tone === 'good' && <Card {...notice} onDismiss={dismiss} />}</div>
        <div role="alert">{notice?.tone === 'bad' && <Card {...notice} onDismiss={dismiss} />}</div>
      </div>
    </NoticeContext>
  )
}

function Card({ tone, text, onDismiss }: Notice & { onDismiss: () => void }) {
  return (
    <div className={`notice ${tone}`}>
      <p className="names">{text}</p>
      <button type="button" className="button quiet" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  )
}
