import { useState } from 'react'

/** Copies a text and confirms it. If the browser refuses, it asks the user to copy the text by hand. */
export function CopyButton({
  text,
  label,
  tone = 'primary',
}: {
  text: string
  label: string
  tone?: 'primary' | 'plain'
}) {
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
      <button type="button" className={tone === 'primary' ? 'button primary' : 'button'} onClick={copy}>
        {label}
      </button>
      <span role="status" className="muted">
        {outcome === 'copied' && 'Copied.'}
        {outcome === 'refused' && 'Your browser did not allow it: select the text and copy it yourself.'}
      </span>
    </>
  )
}
