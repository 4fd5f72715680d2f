import { useState } from 'react'

/** Copies a text and confirms it. If the browser refuses, it asks the user to copy the text by hand. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null)
  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setOutcome('copied')
    } catch {
      setOutcome('refused')
    }
  }
  return (
    <>
      <button type="button" className="button primary" onClick={copy}>
        {label}
      </button>
      <span role="status" className="muted">
        {outcome === 'copied' && 'Copied.'}
        {outcome === 'refused' && 'Your browser did not allow it: select the text and copy it yourself.'}
      </span>
    </>
  )
}
