import { type FormEvent, useState } from 'react'
import { useAction } from '../api/use-action.ts'
import { returnAddress } from '../flows/next.ts'
import { type DescribedScopePartsFragment, StartScopeUpgradeDocument } from '../generated/graphql.ts'
import { PageHeading } from '../parts/layout.tsx'
import { ScopeWords } from '../parts/scope-words.tsx'
import { type Allowed, allowedScopes, described } from '../session/described-scopes.ts'
import { useViewer } from '../session/viewer.ts'

/** The scopes that the active account has granted, those that the app still needs, and those that it can request. */
export function PermissionsPage() {
  const { user } = useViewer()
  return (
    <>
      <PageHeading title="Permissions">What this app may do as {user.handle}.</PageHeading>
      <ul className="rows" aria-label="Allowed">
        {allowedScopes(user).map((allowed) => (
          <li key={allowed.described.scope} className="row">
            <AllowedScope {...allowed} />
          </li>
        ))}
      </ul>
      <AskForMore offered={described(user, user.offeredScopes)} missing={user.missingScopes} />
    </>
  )
}

/** A permission set is shown by its title; what it holds is one click away. */
function AllowedScope({ described: scope, holds }: Allowed) {
  return (
    <div className="names">
      <ScopeWords described={scope} />
      {holds.length > 0 && (
        <details className="held">
          <summary>What it allows</summary>
          <ul>
            {holds.map(({ scope: held, title }) => (
              <li key={held}>{title}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

function AskForMore({ offered, missing }: { offered: DescribedScopePartsFragment[]; missing: string[] }) {
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
          {offered.map((each) => {
            const isNeeded = missing.includes(each.scope)
            return (
              <label key={each.scope} className="choice">
                <input type="checkbox" name="scope" value={each.scope} defaultChecked={isNeeded} />
                <ScopeWords described={each} isNeeded={isNeeded} />
              </label>
            )
          })}
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
