import { useState } from 'react'
import type { AnyVariables, Client, TypedDocumentNode } from 'urql'
import { problemOf, UNREACHABLE } from '../api/client.ts'
import { goOn } from '../flows/next.ts'
import { startAddAccount } from '../flows/start-add-account.ts'
import { type AccountFragment, LogoutAllDocument, SwitchAccountDocument } from '../generated/graphql.ts'
import { Avatar } from '../parts/avatar.tsx'
import { HandleForm } from '../parts/handle-form.tsx'
import { CenteredLayout } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { NEXT_URL } from '../session/page-facts.ts'
import type { Portal } from '../session/portal-state.ts'

type Props = {
  client: Client
  portal: Portal
  accounts: AccountFragment[]
  /** The handle of the account that was signed out, if this tab knows it. */
  ended: string | null
}

/** Shown when the account of this tab was signed out and others are still signed in. Nobody takes its place unasked. */
export function ChooseAccountPage({ client, portal, accounts, ended }: Props) {
  const [isBusy, setBusy] = useState(false)
  const notify = useNotify()

  /** Runs a mutation and shows what has changed. */
  async function run<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    change: () => Promise<void>,
  ) {
    setBusy(true)
    const { data, error } = await client.mutation(document, variables)
    if (!data) notify({ tone: 'bad', text: error === undefined ? UNREACHABLE : problemOf(error) })
    await (data ? change() : portal.refresh())
    setBusy(false)
  }
  const goOnAs = ({ did }: AccountFragment) =>
    run(SwitchAccountDocument, { input: { targetDid: did } }, async () => {
      if (NEXT_URL !== null) await goOn(NEXT_URL)
      await portal.actAs(did)
    })
  const signOutAll = () => run(LogoutAllDocument, {}, portal.refresh)

  return (
    <CenteredLayout title="Choose an account">
      <p className="muted">
        {ended ?? 'The account'} was signed out. Nothing is done as another account unless you choose it.
      </p>
      <ul className="options" aria-label="Accounts">
        {accounts.map((account) => (
          <li key={account.did} className="option">
            <Avatar account={account} size={36} />
            <div className="names">
              <p>
                <strong className="clip">{account.displayName || account.handle}</strong>
              </p>
              <p className="muted clip">{account.handle}</p>
            </div>
            <button
              type="button"
              className="button"
              aria-label={`Continue as ${account.handle}`}
              disabled={isBusy}
              onClick={() => goOnAs(account)}
            >
              Continue
            </button>
          </li>
        ))}
      </ul>
      <section aria-labelledby="other-account" className="create-account">
        <h2 id="other-account">Another account?</h2>
        <HandleForm
          submit="Sign in"
          hint="The account’s own server asks for the password."
          onStart={(handle) => startAddAccount(client, handle)}
        />
        <button type="button" className="button quiet" disabled={isBusy} onClick={signOutAll}>
          Sign out of all
        </button>
      </section>
    </CenteredLayout>
  )
}
