import { type ReactNode, useId, useRef } from 'react'

type Props = {
  /** The text of the button. */
  label: string
  /** The accessible name, if the label alone does not say what the button is about. */
  description?: string
  /** The question in the dialog. */
  title: string
  /** What will happen. */
  children: ReactNode
  /** The text of the button that confirms. */
  confirm: string
  onConfirm: () => void
  disabled?: boolean
}

/**
 * A button for an action that cannot be undone. It asks first, in a native dialog, which traps the focus and restores
 * it.
 */
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
