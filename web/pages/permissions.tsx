import { type FormEvent, useState } from 'react'
import { useAction } from '../api/use-action.ts'
import { returnAddress } from '../flows/next.ts'
import { StartScopeUpgradeDocument } from '../generated/graphql.ts'
import { PageHeading } from '../parts/layout.tsx'
import { ScopeWords } from '../parts/scope-words.tsx'
import { useViewer } from '../session/viewer.ts'

/** The scopes that the active account has granted, those that the app still needs, and those that it can request. */
export function PermissionsPage() {
  const { user } = useViewer()
  return (
    <>
      <PageHeading title="Permissions">What this app may do as {user.handle}.</PageHeading>
      <ul className="rows" aria-label="Allowed">
        {user.grantedScopes.map((scope) => (
          <li key={scope} className="row">
            <ScopeWords scope={scope} />
          </li>
        ))}
      </ul>
      <AskForMore offered={user.offeredScopes} missing={user.missingScopes} />
    </>
  )
}

function AskForMore({ offered, missing }: { offered: string[]; missing: string[] }) {
  const { run, isBusy } = useAction()
  const [problem, setProblem] = useState<string | null>(null)

  async function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const scopes = new FormData(event.currentTarget).getAll('scope').map(String)
    if (scopes.length === 0) return setProblem('Choose at least one.')
    setProblem(null)
    try {
      const input = { scopes, returnTo: returnAddress('permissions') }
      location.assign((await run(StartScopeUpgradeDocument, { input })).startScopeUpgrade.authUrl)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }

  return (
    <section className="panel" aria-labelledby="more">
      <h2 id="more">Allow more</h2>
      {offered.length === 0 ? (
        <p className="muted">This app has everything that it can ask for.</p>
      ) : (
        <form onSubmit={ask}>
          {offered.map((scope) => (
            <label key={scope} className="choice">
              <input type="checkbox" name="scope" value={scope} defaultChecked={missing.includes(scope)} />
              <ScopeWords scope={scope} isNeeded={missing.includes(scope)} />
            </label>
          ))}
          <p className={problem === null ? 'hint' : 'hint bad'} role={problem === null ? undefined : 'alert'}>
            {problem ?? 'Your server asks you to confirm. What you allowed before stays allowed.'}
          </p>
          <button type="submit" className="button primary" disabled={isBusy}>
            Ask for these
          </button>
        </form>
      )}
    </section>
  )
}
