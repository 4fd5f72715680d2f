import { useAction } from '../api/use-action.ts'
import {
  type AccountFragment,
  LogoutAllDocument,
  LogoutDocument,
  StartAddAccountDocument,
  SwitchAccountDocument,
  UnlinkAccountDocument,
} from '../generated/graphql.ts'
import { Avatar } from '../parts/avatar.tsx'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { HandleForm } from '../parts/handle-form.tsx'
import { PageHeading } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { useViewer } from '../session/viewer.ts'

/** The account switcher: the accounts that are signed in in this browser, and which of them is active. */
export function AccountsPage() {
  const { user, refresh } = useViewer()
  const { run, isBusy } = useAction()
  const notify = useNotify()
  const accounts = user.linkedAccounts
  const others = accounts.filter(({ did }) => did !== user.did)

  /** Runs an action that changes who is signed in, then shows what happened. */
  async function change(act: () => Promise<string>) {
    try {
      const text = await act()
      await refresh()
      notify({ tone: 'good', text })
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }
  const switchTo = ({ did, handle }: AccountFragment) =>
    change(async () => {
      await run(SwitchAccountDocument, { input: { targetDid: did } })
      return `You are now ${handle}.`
    })
  const signOut = ({ did, handle }: AccountFragment) =>
    change(async () => {
      if (did !== user.did) {
        await run(UnlinkAccountDocument, { input: { did } })
        return `${handle} is signed out.`
      }
      // Prefer an account whose grant still works.
      const next = others.find(({ needsReauthentication }) => !needsReauthentication) ?? others[0]
      await run(LogoutDocument, next === undefined ? {} : { input: { switchTo: next.did } })
      return next === undefined ? `${handle} is signed out.` : `${handle} is signed out. You are now ${next.handle}.`
    })
  const signOutAll = () =>
    change(async () => {
      await run(LogoutAllDocument, {})
      return 'Every account is signed out.'
    })
  const add = async (handle: string) => {
    const input = { handle, returnTo: location.pathname }
    return (await run(StartAddAccountDocument, { input })).startAddAccount.authUrl
  }
  const signInAgain = async ({ did }: AccountFragment) => {
    try {
      location.assign(await add(did))
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }

  return (
    <>
      <PageHeading title="Accounts">Signed in on this browser. The app acts as the active account.</PageHeading>
      <ul className="rows" aria-label="Accounts">
        {accounts.map((account) => (
          <li key={account.did} className="row">
            <Avatar account={account} size={44} />
            <Names account={account} />
            <div className="actions">
              {account.needsReauthentication && (
                <button
                  type="button"
                  className="button"
                  aria-label={`Sign in again as ${account.handle}`}
                  disabled={isBusy}
                  onClick={() => signInAgain(account)}
                >
                  Sign in again
                </button>
              )}
              {!account.isActive && (
                <button
                  type="button"
                  className="button"
                  aria-label={`Switch to ${account.handle}`}
                  disabled={isBusy}
                  onClick={() => switchTo(account)}
                >
                  Switch
                </button>
              )}
              <button
                type="button"
                className="button quiet"
                aria-label={`Sign out ${account.handle}`}
                disabled={isBusy}
                onClick={() => signOut(account)}
              >
                Sign out
              </button>
            </div>
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <div className="actions end">
          <ConfirmButton
            label="Sign out of all"
            title="Sign out of all accounts?"
            confirm="Sign out of all"
            disabled={isBusy}
            onConfirm={signOutAll}
          >
            <p>This signs out {accounts.length} accounts on this browser. Developer tokens keep working.</p>
          </ConfirmButton>
        </div>
      )}
      <section aria-labelledby="add-account" className="panel">
        <h2 id="add-account">Add another account</h2>
        <HandleForm submit="Add account" hint="The account’s own server asks for the password." onStart={add} />
      </section>
      <section aria-labelledby="facts" className="panel">
        <h2 id="facts">About {user.handle}</h2>
        <dl className="facts">
          <dt className="muted">DID</dt>
          <dd>
            <code>{user.did}</code>
          </dd>
          <dt className="muted">Server</dt>
          <dd>{user.pdsUrl}</dd>
        </dl>
      </section>
    </>
  )
}

function Names({ account }: { account: AccountFragment }) {
  const { displayName, handle, isActive, needsReauthentication } = account
  return (
    <div className="names">
      <p>
        <strong className="clip">{displayName || handle}</strong>
        {isActive && <span className="badge good">Active</span>}
        {needsReauthentication && <span className="badge bad">Signed out by its server</span>}
      </p>
      <p className="muted clip">{handle}</p>
    </div>
  )
}
