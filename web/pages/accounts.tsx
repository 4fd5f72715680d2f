import { useClient } from 'urql'
import { Link } from 'wouter'
import { useAction } from '../api/use-action.ts'
import { startAddAccount } from '../flows/start-add-account.ts'
import {
  type AccountFragment,
  LogoutAllDocument,
  LogoutDocument,
  LogoutToDocument,
  SwitchAccountDocument,
  UnlinkAccountDocument,
} from '../generated/graphql.ts'
import { Avatar } from '../parts/avatar.tsx'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { HandleForm } from '../parts/handle-form.tsx'
import { PageHeading } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { useViewer } from '../session/viewer.ts'

/** The account switcher: the accounts that are signed in in this browser, the active one, and the one of this tab. */
export function AccountsPage() {
  const { user, refresh, actAs } = useViewer()
  const client = useClient()
  const { run, isBusy } = useAction()
  const notify = useNotify()
  const accounts = user.linkedAccounts
  const others = accounts.filter(({ did }) => did !== user.did)

  /** Runs an action that changes who is signed in, then shows what happened. `act` returns what to say. */
  async function change(act: () => Promise<string>, show = refresh) {
    try {
      const text = await act()
      await show()
      notify({ tone: 'good', text })
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }
  const switchTo = ({ did, handle }: AccountFragment) =>
    change(
      async () => {
        await run(SwitchAccountDocument, { input: { targetDid: did } })
        return `You are now ${handle}.`
      },
      () => actAs(did),
    )
  const unlink = ({ did, handle }: AccountFragment) =>
    change(async () => {
      await run(UnlinkAccountDocument, { input: { did } })
      return `${handle} is signed out.`
    })
  const signOutLast = () =>
    change(async () => {
      await run(LogoutDocument, {})
      return `${user.handle} is signed out.`
    })
  const signOutAndGoOnAs = ({ did, handle }: AccountFragment) =>
    change(
      async () => {
        await run(LogoutToDocument, { switchTo: did })
        return `${user.handle} is signed out. You are now ${handle}.`
      },
      () => actAs(did),
    )
  const signOut = (account: AccountFragment) => {
    if (account.did !== user.did) return unlink(account)
    const next = successorAmong(others)
    return next === undefined ? signOutLast() : signOutAndGoOnAs(next)
  }
  const signOutAll = () =>
    change(async () => {
      await run(LogoutAllDocument, {})
      return 'Every account is signed out.'
    })
  const signInAgain = async ({ did }: AccountFragment) => {
    try {
      location.assign(await startAddAccount(client, did))
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }

  return (
    <>
      <PageHeading title="Accounts">
        Signed in on this browser. Apps act as the active account; this tab acts as {user.handle}.
      </PageHeading>
      <ul className="rows" aria-label="Accounts">
        {accounts.map((account) => (
          <li key={account.did} className="row">
            <Avatar account={account} size={44} />
            <Names account={account} isOfTab={account.did === user.did} />
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
              {!(account.isActive && account.did === user.did) && (
                <button
                  type="button"
                  className="button"
                  aria-label={
                    account.did === user.did ? `Make ${account.handle} active` : `Switch to ${account.handle}`
                  }
                  disabled={isBusy}
                  onClick={() => switchTo(account)}
                >
                  {account.did === user.did ? 'Make active' : 'Switch'}
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
        <HandleForm
          submit="Add account"
          hint="The account’s own server asks for the password."
          onStart={(handle) => startAddAccount(client, handle)}
        />
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
        <p>
          <Link href="/forget">Delete what this gateway knows of {user.handle}</Link>
        </p>
      </section>
    </>
  )
}

/** The active account if it is among them; otherwise one whose grant still works. */
function successorAmong(others: AccountFragment[]): AccountFragment | undefined {
  return (
    others.find(({ isActive }) => isActive) ??
    others.find(({ needsReauthentication }) => !needsReauthentication) ??
    others[0]
  )
}

function Names({ account, isOfTab }: { account: AccountFragment; isOfTab: boolean }) {
  const { displayName, handle, isActive, needsReauthentication } = account
  return (
    <div className="names">
      <p>
        <strong className="clip">{displayName || handle}</strong>
        {isActive && <span className="badge good">Active</span>}
        {isOfTab && !isActive && <span className="badge">This tab</span>}
        {needsReauthentication && <span className="badge bad">Signed out by its server</span>}
      </p>
      <p className="muted clip">{handle}</p>
    </div>
  )
}
