import { useState } from 'react'
import { startSignIn } from '../flows/start-sign-in.ts'
import type { PdsOptionsPartsFragment } from '../generated/graphql.ts'
import { HandleForm } from '../parts/handle-form.tsx'
import { CenteredLayout } from '../parts/layout.tsx'
import { hostOf, NEXT_URL } from '../session/page-facts.ts'

/** The page for users who are not signed in: sign in, or create an account if the gateway offers that. */
export function SignInPage({ pdsOptions }: { pdsOptions: PdsOptionsPartsFragment }) {
  return (
    <CenteredLayout title="Sign in">
      {NEXT_URL !== null && <p className="muted">You go on to {hostOf(NEXT_URL)} afterwards.</p>}
      <HandleForm
        submit="Sign in"
        hint="Your account’s own server asks for your password. This page never sees it."
        onStart={(handle) => startSignIn({ handle })}
      />
      {pdsOptions.enabled && pdsOptions.options.length > 0 && <CreateAccount options={pdsOptions.options} />}
    </CenteredLayout>
  )
}

type Option = PdsOptionsPartsFragment['options'][number]

function CreateAccount({ options }: { options: Option[] }) {
  const [busyUrl, setBusyUrl] = useState<string | null>(null)
  const [problem, setProblem] = useState<string | null>(null)

  async function create(url: string) {
    if (busyUrl !== null) return
    setBusyUrl(url)
    setProblem(null)
    try {
      location.assign(await startSignIn({ pds_url: url }))
    } catch (error) {
      setProblem((error as Error).message)
      setBusyUrl(null)
    }
  }

  return (
    <section aria-labelledby="create-account" className="create-account">
      <h2 id="create-account">No account yet?</h2>
      <p className="muted">Create one on a server. You can move it to another later.</p>
      <ul className="options">
        {options
          .toSorted((a, b) => Number(b.recommended) - Number(a.recommended))
          .map((option) => (
            <li key={option.url} className="option">
              <PdsOption option={option} isBusy={busyUrl === option.url} onCreate={() => create(option.url)} />
            </li>
          ))}
      </ul>
      {problem !== null && (
        <p role="alert" className="bad">
          {problem}
        </p>
      )}
    </section>
  )
}

function PdsOption({ option, isBusy, onCreate }: { option: Option; isBusy: boolean; onCreate: () => void }) {
  const { name, url, recommended, description, infoUrl } = option
  return (
    <>
      <div>
        <p>
          <strong>{name}</strong> {recommended && <span className="badge">Recommended</span>}
        </p>
        <p className="muted">{description ?? new URL(url).host}</p>
        {infoUrl && (
          <p>
            <a href={infoUrl} target="_blank" rel="noreferrer">
              About {name}
            </a>
          </p>
        )}
      </div>
      <button
        type="button"
        className="button"
        aria-label={`Create account on ${name}`}
        aria-disabled={isBusy}
        onClick={onCreate}
      >
        {isBusy ? 'Opening…' : 'Create account'}
      </button>
    </>
  )
}
