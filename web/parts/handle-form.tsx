import { type FormEvent, useId, useRef, useState } from 'react'

type Props = {
  hint: string
  submit: string
  /** Starts a flow and returns the URL of the authorization server's page. Rejects with the message for the field. */
  onStart: (handle: string) => Promise<string>
}

/** Asks for a handle, and goes to the page where its account signs in. An error replaces the hint of the field. */
export function HandleForm({ hint, submit, onStart }: Props) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)

  async function start(event: FormEvent) {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setProblem(null)
    try {
      location.assign(await onStart(input.current?.value ?? ''))
    } catch (error) {
      setProblem((error as Error).message)
      setBusy(false)
      input.current?.focus()
    }
  }

  return (
    <form onSubmit={start} className="handle-form">
      <label htmlFor={id}>Handle</label>
      <input
        ref={input}
        id={id}
        name="handle"
        required
        autoComplete="username"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        placeholder="alice.example.com"
        aria-invalid={problem !== null}
        aria-describedby={`${id}-hint`}
      />
      <p
        id={`${id}-hint`}
        className={problem === null ? 'hint' : 'hint bad'}
        role={problem === null ? undefined : 'alert'}
      >
        {problem ?? hint}
      </p>
      <button type="submit" className="button primary" aria-disabled={isBusy}>
        {isBusy ? 'Opening your server…' : submit}
      </button>
    </form>
  )
}
