import { type ReactNode, useEffect } from 'react'

/** Sets the title of the tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · atgate`
  }, [title])
}

/** Reserves the space while it is not known who is signed in, so that the layout does not shift. */
export function Blank() {
  return (
    <main className="centered" aria-busy="true">
      <p className="visually-hidden" role="status">
        Loading…
      </p>
    </main>
  )
}

/** A card in the middle of the page, for users who are not signed in. */
export function CenteredLayout({ title, children }: { title: string; children: ReactNode }) {
  useTitle(title)
  return (
    <main className="centered">
      <div className="card">
        <p className="brand">
          <Logo /> atgate
        </p>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  )
}

/** The heading of a page, and what the page is for. */
export function PageHeading({ title, children }: { title: string; children?: ReactNode }) {
  useTitle(title)
  return (
    <header className="page-heading">
      <h1 tabIndex={-1}>{title}</h1>
      {children !== undefined && <p className="muted">{children}</p>}
    </header>
  )
}

/** The logo of web/public/icon.svg, inline to save a request. */
export function Logo() {
  return (
    <svg className="logo" width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M9 25V14a7 7 0 0 1 14 0v11" fill="none" strokeWidth="3" strokeLinecap="round" />
      <circle cx="16" cy="18" r="2.5" />
    </svg>
  )
}
