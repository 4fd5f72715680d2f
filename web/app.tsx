import { Suspense, use, useMemo, useState } from 'react'
import { ErrorBoundary } from 'react-error-boundary'
import { type Client, Provider } from 'urql'
import { createApiClient } from './api/client.ts'
import type { Arrival } from './flows/arrive.ts'
import type { PortalQuery } from './generated/graphql.ts'
import { SignInPage } from './pages/sign-in.tsx'
import { SignedIn } from './pages/signed-in.tsx'
import { Blank, CenteredLayout } from './parts/layout.tsx'
import { Notices } from './parts/notice.tsx'
import type { NewToken } from './session/new-token.ts'
import { usePortalState } from './session/portal-state.ts'
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
      <Portal client={client} developerToken={developerToken} />
    </Notices>
  )
}

function Portal(props: { client: Client; developerToken: string | null }) {
  const { state, refresh } = usePortalState(props.client)
  const [developerToken, setDeveloperToken] = useState(props.developerToken)
  switch (state.status) {
    case 'loading':
      return <Blank />
    case 'failed':
      return <Unreachable problem={state.problem} onRetry={refresh} />
    case 'ready':
      return (
        <Ready
          data={state.data}
          refresh={refresh}
          newToken={developerToken === null ? null : { secret: developerToken, dismiss: () => setDeveloperToken(null) }}
        />
      )
  }
}

function Ready({ data, refresh, newToken }: { data: PortalQuery; refresh: () => Promise<void>; newToken: NewToken }) {
  const user = data.currentUser ?? null
  if (user === null) return <SignInPage pdsOptions={data.pdsOptions} />
  return (
    <ViewerContext value={{ user, refresh }}>
      <SessionClient key={user.session.id}>
        <SignedIn newToken={newToken} />
      </SessionClient>
    </ViewerContext>
  )
}

/** Provides a client for each session, so that no response to one account is ever shown to another. */
function SessionClient({ children }: { children: React.ReactNode }) {
  const client = useMemo(createApiClient, [])
  return <Provider value={client}>{children}</Provider>
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
