import { type FormEvent, useState } from 'react'
import { useQuery } from 'urql'
import { problemOf } from '../api/client.ts'
import { useAction } from '../api/use-action.ts'
import { returnAddress } from '../flows/next.ts'
import {
  DeveloperTokensDocument,
  type DeveloperTokensQuery,
  RevokeDeveloperTokenDocument,
  StartDeveloperTokenDocument,
} from '../generated/graphql.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { ExampleCall } from '../parts/example-call.tsx'
import { PageHeading } from '../parts/layout.tsx'
import { useNotify } from '../parts/notice.tsx'
import { ScopeWords } from '../parts/scope-words.tsx'
import { Ago, Day } from '../parts/time.tsx'
import { allowedScopes } from '../session/described-scopes.ts'
import type { NewToken } from '../session/new-token.ts'
import { useViewer } from '../session/viewer.ts'

/** Creates, shows once, lists and revokes developer tokens. */
export function DeveloperTokensPage({ newToken }: { newToken: NewToken }) {
  const { user } = useViewer()
  return (
    <>
      <PageHeading title="Developer tokens">
        For scripts that act as {user.handle}. A token works until it ends or is revoked, even when you are signed out.
      </PageHeading>
      {newToken === null ? <CreateToken /> : <ShownOnce {...newToken} />}
      <TokenList />
    </>
  )
}

function ShownOnce({ secret, dismiss }: { secret: string; dismiss: () => void }) {
  return (
    <section className="panel highlight" aria-labelledby="new-token">
      <h2 id="new-token">Your new token</h2>
      <p>Copy it now and keep it like a password. It is not shown again.</p>
      <p>
        <code className="secret">{secret}</code>
      </p>
      <div className="actions">
        <CopyButton text={secret} label="Copy token" />
        <button type="button" className="button" onClick={dismiss}>
          Done
        </button>
      </div>
      <ExampleCall />
    </section>
  )
}

/** In days, as in the API: 0 means the longest that the gateway allows. */
const EXPIRIES = [
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 0, label: 'As long as allowed' },
]

/** Part of every grant. */
const REQUIRED_SCOPE = 'atproto'

function CreateToken() {
  const { user } = useViewer()
  const { run, isBusy } = useAction()
  const [problem, setProblem] = useState<string | null>(null)
  // What is granted in part only cannot be passed on.
  const optional = allowedScopes(user)
    .map(({ described }) => described)
    .filter(({ scope }) => scope !== REQUIRED_SCOPE && !user.offeredScopes.includes(scope))

  async function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const name = String(form.get('name'))
    const expiresInDays = Number(form.get('expiry'))
    const chosen = form.getAll('scope').map(String)
    // All of them are the default, which also leaves out what the gateway no longer asks for.
    const scopes = chosen.length === optional.length ? null : [REQUIRED_SCOPE, ...chosen]
    setProblem(null)
    try {
      const input = { name, expiresInDays, scopes, returnTo: returnAddress('tokens') }
      location.assign((await run(StartDeveloperTokenDocument, { input })).startDeveloperToken.authUrl)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }

  return (
    <section className="panel" aria-labelledby="create-token">
      <h2 id="create-token">Create a token</h2>
      <form onSubmit={create}>
        <div className="fields">
          <div>
            <label htmlFor="token-name">Name</label>
            <input id="token-name" name="name" maxLength={100} autoComplete="off" placeholder="What it is for" />
          </div>
          <div>
            <label htmlFor="token-expiry">Ends after</label>
            <select id="token-expiry" name="expiry" defaultValue="30" aria-describedby="token-hint">
              {EXPIRIES.map(({ days, label }) => (
                <option key={days} value={days}>
                  {label}
                </option>
              ))}
            </select>
          </div>
        </div>
        {optional.length > 0 && (
          <fieldset>
            <legend>It may</legend>
            {optional.map((described) => (
              <label key={described.scope} className="choice">
                <input type="checkbox" name="scope" value={described.scope} defaultChecked />
                <ScopeWords described={described} />
              </label>
            ))}
          </fieldset>
        )}
        <p
          id="token-hint"
          className={problem === null ? 'hint' : 'hint bad'}
          role={problem === null ? undefined : 'alert'}
        >
          {problem ?? 'Your server asks you to allow it. The token may end sooner, with the grant of your server.'}
        </p>
        <button type="submit" className="button primary" disabled={isBusy}>
          Create token
        </button>
      </form>
    </section>
  )
}

function TokenList() {
  const { run, isBusy } = useAction()
  const notify = useNotify()
  const [{ data, error }, reload] = useQuery({ query: DeveloperTokensDocument })

  async function revoke(token: Token) {
    try {
      await run(RevokeDeveloperTokenDocument, { input: { prefix: token.id } })
      notify({ tone: 'good', text: `${nameOf(token)} is revoked.` })
    } catch (problem) {
      notify({ tone: 'bad', text: (problem as Error).message })
    }
    reload()
  }

  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens">Your tokens</h2>
      {error !== undefined && (
        <p role="alert" className="bad">
          {problemOf(error)}
        </p>
      )}
      {data?.developerTokens.length === 0 && <p className="muted empty">No tokens yet.</p>}
      <ul className="rows" aria-labelledby="tokens" aria-busy={data === undefined && error === undefined}>
        {data?.developerTokens.map((token) => (
          <li key={token.id} className="row">
            <div className="names">
              <p>
                <strong className="clip">{nameOf(token)}</strong> <code>{token.prefix}…</code>
                {token.needsReauthentication && <span className="badge bad">Ended by its server</span>}
              </p>
              <p className="muted">
                Ends <Day at={token.expiresAt} />
                {' · '}
                {token.lastUsedAt ? (
                  <>
                    used <Ago at={token.lastUsedAt} />
                  </>
                ) : (
                  'never used'
                )}
              </p>
            </div>
            <div className="actions">
              <ConfirmButton
                label="Revoke"
                description={`Revoke ${nameOf(token)}`}
                title={`Revoke ${nameOf(token)}?`}
                confirm="Revoke"
                disabled={isBusy}
                onConfirm={() => revoke(token)}
              >
                <p>Everything that uses it stops working at once. This cannot be undone.</p>
              </ConfirmButton>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

type Token = DeveloperTokensQuery['developerTokens'][number]

function nameOf({ name, prefix }: Token): string {
  return name || `Token ${prefix}`
}
