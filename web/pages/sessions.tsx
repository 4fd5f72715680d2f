import { useQuery } from 'urql'
import { problemOf } from '../api/client.ts'
import { useAction } from '../api/use-action.ts'
import { RevokeSessionDocument, type SessionPartsFragment, SessionsDocument } from '../generated/graphql.ts'
import { PageHeading } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { Ago, Day } from '../parts/time.tsx'
import { deviceOf } from '../session/device.ts'
import { useViewer } from '../session/viewer.ts'

/** Lists where the active account is signed in, and signs it out there. */
export function SessionsPage() {
  const { user } = useViewer()
  const { run, isBusy } = useAction()
  const notify = useNotify()
  const [{ data, error }, reload] = useQuery({ query: SessionsDocument })

  async function signOut({ id, ...session }: SessionPartsFragment) {
    try {
      await run(RevokeSessionDocument, { input: { id } })
      notify({ tone: 'good', text: `${deviceOf(session)} is signed out.` })
    } catch (problem) {
      notify({ tone: 'bad', text: (problem as Error).message })
    }
    reload()
  }

  return (
    <>
      <PageHeading title="Sessions">
        Where {user.handle} is signed in. Sign out any session you do not recognise.
      </PageHeading>
      {error !== undefined && (
        <p role="alert" className="bad">
          {problemOf(error)}
        </p>
      )}
      <ul className="rows" aria-label="Sessions" aria-busy={data === undefined && error === undefined}>
        {data?.sessions.map((session) => (
          <li key={session.id} className="row">
            <div className="names">
              <p>
                <strong className="clip">{deviceOf(session)}</strong>
                {session.isCurrent && <span className="badge good">This one</span>}
                {session.needsReauthentication && <span className="badge bad">Signed out by its server</span>}
              </p>
              <p className="muted">
                Signed in <Day at={session.createdAt} /> · used <Ago at={session.lastUsedAt} /> · ends{' '}
                <Day at={session.expiresAt} />
              </p>
            </div>
            {!session.isCurrent && (
              <div className="actions">
                <button
                  type="button"
                  className="button danger"
                  aria-label={`Sign out ${deviceOf(session)}`}
                  disabled={isBusy}
                  onClick={() => signOut(session)}
                >
                  Sign out
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}
