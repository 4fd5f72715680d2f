import { useEffect, useRef } from 'react'
import { Link, Redirect, Route, Switch, useLocation } from 'wouter'
import { Avatar } from '../parts/avatar.tsx'
import { Banners } from '../parts/banners.tsx'
import { Logo } from '../parts/layout.tsx'
import type { NewToken } from '../session/new-token.ts'
import { useViewer } from '../session/viewer.ts'
import { AccountsPage } from './accounts.tsx'
import { DeveloperTokensPage } from './developer-tokens.tsx'
import { ForgetPage } from './forget.tsx'
import { PermissionsPage } from './permissions.tsx'
import { SessionsPage } from './sessions.tsx'

const PAGES = [
  { path: '/', label: 'Accounts' },
  { path: '/tokens', label: 'Tokens' },
  { path: '/sessions', label: 'Sessions' },
  { path: '/permissions', label: 'Permissions' },
]

/** By default a gateway has GraphiQL on loopback only, and only there it is reached over http. */
const HAS_GRAPHIQL = location.protocol === 'http:'

/** The frame of every page for signed-in users. */
export function SignedIn({ newToken }: { newToken: NewToken }) {
  const { user } = useViewer()
  return (
    <>
      <a className="skip-link" href="#content">
        Skip to content
      </a>
      <header className="top">
        <p className="brand">
          <Logo /> atgate
        </p>
        <p className="who" title={user.did}>
          <Avatar account={user} size={28} />
          <span className="visually-hidden">Signed in as </span>
          <span className="clip">{user.handle}</span>
        </p>
      </header>
      <nav className="tabs" aria-label="Pages">
        <ul>
          {PAGES.map(({ path, label }) => (
            <li key={path}>
              <PageLink path={path} label={label} />
            </li>
          ))}
        </ul>
      </nav>
      <FocusedMain>
        <Banners />
        <Switch>
          <Route path="/" component={AccountsPage} />
          <Route path="/tokens">
            <DeveloperTokensPage newToken={newToken} />
          </Route>
          <Route path="/sessions" component={SessionsPage} />
          <Route path="/permissions" component={PermissionsPage} />
          <Route path="/forget" component={ForgetPage} />
          <Route>
            <Redirect to="/" replace />
          </Route>
        </Switch>
      </FocusedMain>
      {HAS_GRAPHIQL && (
        <footer className="foot">
          <a href="/graphql">GraphiQL</a>
        </footer>
      )}
    </>
  )
}

function PageLink({ path, label }: { path: string; label: string }) {
  const [location] = useLocation()
  return (
    <Link href={path} aria-current={location === path ? 'page' : undefined}>
      {label}
    </Link>
  )
}

/**
 * Moves the focus to the heading of the next page, so that a screen reader starts there. The first page keeps its
 * focus.
 */
function FocusedMain({ children }: { children: React.ReactNode }) {
  const [location] = useLocation()
  const main = useRef<HTMLElement>(null)
  const shown = useRef(location)
  useEffect(() => {
    if (shown.current === location) return
    shown.current = location
    main.current?.querySelector('h1')?.focus()
  }, [location])
  return (
    <main id="content" className="page" ref={main} tabIndex={-1}>
      {children}
    </main>
  )
}
