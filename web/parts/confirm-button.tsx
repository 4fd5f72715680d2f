import { type ReactNode, useId, useRef } from 'react'

type Props = {
  /** What the button says. */
  label: string
  /** What a screen reader says of it, where the label alone would not tell what it is about. */
  description?: string
  /** The question. */
  title: string
  /** What will happen. */
  children: ReactNode
  /** What the button that does it says. */
  confirm: string
  onConfirm: () => void
  disabled?: boolean
}

/** A button for what cannot be undone: it asks first, in a dialog of the platform, which keeps the focus and gives it back. */
export function ConfirmButton({ label, description, title, children, confirm, onConfirm, disabled }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  return (
    <>
      <button
        type="button"
        className="button danger"
        aria-label={description}
        disabled={disabled}
        onClick={() => dialog.current?.showModal()}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={titleId} closedby="any">
        <h2 id={titleId}>{title}</h2>
        {children}
        <form method="dialog" className="actions end">
          <button type="submit" className="button">
            Cancel
          </button>
          <button type="submit" className="button danger filled" onClick={onConfirm}>
            {confirm}
          </button>
        </form>
      </dialog>
    </>
  )
}
