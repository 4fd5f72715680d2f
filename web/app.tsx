import { Suspense, use, useMemo, useState } from 'react'
import { ErrorBoundary } from 'react-error-boundary'
import { type Client, Provider } from 'urql'
import { Router } from 'wouter'
import { createApiClient } from './api/client.ts'
import type { Arrival } from './flows/arrive.ts'
import type { CurrentUserPartsFragment } from './generated/graphql.ts'
import { ChooseAccountPage } from './pages/choose-account.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { SignedIn } from './pages/signed-in.tsx'
import { Blank, CenteredLayout } from './parts/layout.tsx'
import { Notices } from './parts/notice.tsx'
import type { NewToken } from './session/new-token.ts'
import { PORTAL_PATH } from './session/page-facts.ts'
import { type Portal, usePortal } from './session/portal-state.ts'
import { useSessionChanges } from './session/session-changes.ts'
import { ViewerContext } from './session/viewer.ts'

type Props = {
  client: Client
  /** Resolves when the exchange is done, or at once if there is none. */
  arrival: Promise<Arrival>
}

/** The whole page. */
export function App(props: Props) {
  return (
    <ErrorBoundary fallback={<Failed />}>
      <Suspense fallback={<Blank />}>
        <Arrived {...props} />
      </Suspense>
    </ErrorBoundary>
  )
}

function Arrived({ client, arrival }: Props) {
  const { notice, developerToken } = use(arrival)
  return (
    <Notices first={notice}>
      <Pages client={client} developerToken={developerToken} />
    </Notices>
  )
}

function Pages(props: { client: Client; developerToken: string | null }) {
  const { client } = props
  const portal = usePortal()
  const { state, refresh } = portal
  const isSignedIn = state.status === 'signed-in' || state.status === 'choosing'
  useSessionChanges({ client, isSignedIn, onChange: refresh })
  const [developerToken, setDeveloperToken] = useState(props.developerToken)
  switch (state.status) {
    case 'loading':
      return <Blank />
    case 'failed':
      return <Unreachable problem={state.problem} onRetry={refresh} />
    case 'signed-out':
      return <SignInPage pdsOptions={state.pdsOptions} />
    case 'choosing':
      return <ChooseAccountPage client={client} portal={portal} accounts={state.accounts} ended={state.ended} />
    case 'signed-in':
      return (
        <As
          key={state.user.session.id}
          user={state.user}
          portal={portal}
          newToken={developerToken === null ? null : { secret: developerToken, dismiss: () => setDeveloperToken(null) }}
        />
      )
  }
}

type AsProps = { user: CurrentUserPartsFragment; portal: Portal; newToken: NewToken }

/**
 * The pages of one account. Each session gets a client of its own, so that no response to one account is ever shown to
 * another.
 */
function As({ user, portal: { refresh, actAs }, newToken }: AsProps) {
  const client = useMemo(() => createApiClient({ account: user.did, onEnded: refresh }), [user.did, refresh])
  return (
    <ViewerContext value={{ user, refresh, actAs }}>
      <Provider value={client}>
        <Router base={PORTAL_PATH.slice(0, -1)}>
          <SignedIn newToken={newToken} />
        </Router>
      </Provider>
    </ViewerContext>
  )
}

/** Shown instead of an empty page when a component throws. */
function Failed() {
  return (
    <CenteredLayout title="Something is wrong">
      <p role="alert">This page has failed. Nothing has changed.</p>
      <button type="button" className="button primary" onClick={() => location.reload()}>
        Reload
      </button>
    </CenteredLayout>
  )
}

function Unreachable({ problem, onRetry }: { problem: string; onRetry: () => Promise<void> }) {
  return (
    <CenteredLayout title="Something is wrong">
      <p role="alert">{problem}</p>
      <button type="button" className="button primary" onClick={onRetry}>
        Try again
      </button>
    </CenteredLayout>
  )
}
