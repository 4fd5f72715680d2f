import { useClient } from 'urql'
import { useAction } from '../api/use-action.ts'
import { returnAddress } from '../flows/next.ts'
import { startAddAccount } from '../flows/start-add-account.ts'
import { StartScopeUpgradeDocument } from '../generated/graphql.ts'
import { hostOf, NEXT_URL } from '../session/page-facts.ts'
import { wordsForReauthentication } from '../session/reauthentication-words.ts'
import { useViewer } from '../session/viewer.ts'
import { useNotify } from './notice.tsx'

/** Shows what the account of this tab needs: to go on to where it came from, to sign in again, or to allow more. */
export function Banners() {
  const { user } = useViewer()
  const client = useClient()
  const { run, isBusy } = useAction()
  const notify = useNotify()

  async function go(start: () => Promise<string>) {
    try {
      location.assign(await start())
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }
  const signInAgain = () => go(() => startAddAccount(client, user.did))
  const allowMissing = () =>
    go(async () => {
      const input = { scopes: user.missingScopes, returnTo: returnAddress() }
      return (await run(StartScopeUpgradeDocument, { input })).startScopeUpgrade.authUrl
    })

  return (
    <>
      {NEXT_URL !== null && (
        <section className="banner calm" aria-label="Go on">
          <p>You are signed in as {user.handle}.</p>
          <a className="button" href={NEXT_URL}>
            Go on to {hostOf(NEXT_URL)}
          </a>
        </section>
      )}
      {user.session.needsReauthentication && (
        <section className="banner" aria-label="Sign in again">
          <p>{wordsForReauthentication(user)}</p>
          <button type="button" className="button" disabled={isBusy} onClick={signInAgain}>
            Sign in again
          </button>
        </section>
      )}
      {!user.session.needsReauthentication && user.missingScopes.length > 0 && (
        <section className="banner" aria-label="Permissions needed">
          <p>This app needs more permissions than {user.handle} has given it.</p>
          <button type="button" className="button" disabled={isBusy} onClick={allowMissing}>
            Review and allow
          </button>
        </section>
      )}
    </>
  )
}
