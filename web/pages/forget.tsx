import { useLocation } from 'wouter'
import { useAction } from '../api/use-action.ts'
import { startSignIn } from '../flows/start-sign-in.ts'
import { ForgetAccountDocument } from '../generated/graphql.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { PageHeading } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { setTabAccount } from '../session/tab-account.ts'
import { useViewer } from '../session/viewer.ts'

/** Says what the gateway knows of the account, and deletes it. */
export function ForgetPage() {
  const { user } = useViewer()
  return (
    <>
      <PageHeading title="Delete your data">What this gateway knows of {user.handle}, and how to end it.</PageHeading>
      <section className="panel" aria-labelledby="deleted">
        <h2 id="deleted">What is deleted</h2>
        <ul className="points">
          <li>Every sign-in of {user.handle}, in this browser and everywhere else.</li>
          <li>Every developer token. What uses one stops working at once.</li>
          <li>The permissions that you gave this app. Your server is told to withdraw them.</li>
          <li>Handle, name, picture and server as they are stored here, and the record of what you did.</li>
        </ul>
      </section>
      <section className="panel" aria-labelledby="kept">
        <h2 id="kept">What is not deleted</h2>
        <ul className="points">
          <li>Your account itself, and everything in it. It stays on your server.</li>
          <li>Other accounts that are signed in in this browser. They stay signed in.</li>
          <li>What apps behind this gateway have stored of you. Ask them.</li>
          <li>
            Your DID beside each permission that is being withdrawn: until your server has answered, about 10 days at
            most.
          </li>
          <li>Logs and backups, which the operator of this gateway deletes in their own time.</li>
          <li>One line that says when an account was deleted, and not which.</li>
        </ul>
      </section>
      {user.session.isRecentlyAuthenticated ? <Confirm /> : <SignInFirst />}
    </>
  )
}

function Confirm() {
  const { user, refresh } = useViewer()
  const { run, isBusy } = useAction()
  const notify = useNotify()
  const [, navigate] = useLocation()

  async function forget() {
    try {
      await run(ForgetAccountDocument, { input: { did: user.did } })
      setTabAccount(null)
      navigate('/', { replace: true })
      notify({ tone: 'good', text: `What this gateway knew of ${user.handle} is deleted.` })
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
    // After a refusal too: the last sign-in may be too long ago by now.
    await refresh()
  }

  return (
    <div className="actions">
      <ConfirmButton
        label={isBusy ? 'Deleting…' : 'Delete my data'}
        title={`Delete what this gateway knows of ${user.handle}?`}
        confirm="Delete"
        disabled={isBusy}
        onConfirm={forget}
      >
        <p>You are signed out everywhere, and every developer token stops working. This cannot be undone.</p>
      </ConfirmButton>
    </div>
  )
}

function SignInFirst() {
  const { user } = useViewer()
  const notify = useNotify()

  async function signInAgain() {
    try {
      location.assign(await startSignIn({ handle: user.did, prompt: 'login' }))
    } catch (error) {
      notify({ tone: 'bad', text: (error as Error).message })
    }
  }

  return (
    <section className="panel highlight" aria-labelledby="again">
      <h2 id="again">Sign in again first</h2>
      <p>You signed in more than an hour ago. Your server asks for your password, and you come back to this page.</p>
      <div className="actions">
        <button type="button" className="button primary" onClick={signInAgain}>
          Sign in as {user.handle}
        </button>
      </div>
    </section>
  )
}
