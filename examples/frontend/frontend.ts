import type { Outcome } from '../../web/flows/outcome.ts'
import { createActions } from './actions.ts'
import type { Api } from './api.ts'
import { arrive } from './arrive.ts'
import { createPage } from './page.ts'
import { followSession } from './session.ts'

type Options = {
  gatewayUrl: string
  /** The outcome that a flow returned with, read from the address bar. */
  outcome: Outcome
  api: Api
}

/** What a client needs of the frontend. */
export type Frontend = {
  /** The DID of the account that requests name, or null. */
  account(): string | null
  /** Queries and shows who is signed in now, because an operation was refused. */
  ended(operationName: string | undefined): void
  /** Goes to the account's own server to request the missing scopes. */
  upgrade(missingScopes: string[]): void
}

/** A refresh sends these itself, and sees their errors. */
const REFRESHES = ['CurrentUser', 'LinkedAccounts']

/** Starts a whole frontend of the gateway, on any GraphQL client. */
export function startFrontend({ gatewayUrl, outcome, api }: Options): Frontend {
  const page = createPage({
    gatewayUrl,
    onListTokens: () => act(actions.listTokens),
    onCreateToken: () => act(actions.createToken),
    onSwitch: (did) => act(() => actions.switchTo(did)),
    onSignOut: () => act(actions.signOut),
  })
  const session = followSession({ api, page })
  const actions = createActions({ api, session, page })

  async function start(): Promise<void> {
    const arrival = await arrive(api, outcome)
    await session.reload()
    if (arrival === null) return
    page.say(arrival.notice)
    if (arrival.developerToken !== null) page.showDeveloperToken(arrival.developerToken)
  }

  /**
   * Runs the action of a button and shows its error, unless another session has taken the place of the one that started
   * it.
   */
  async function act(action: () => Promise<void>): Promise<void> {
    const sessionId = session.id()
    page.say('')
    try {
      await action()
    } catch (error) {
      if (session.id() === sessionId) page.say(api.problemOf(error))
    }
  }

  start()
  return {
    account: session.account,
    ended(operationName) {
      if (!REFRESHES.includes(operationName ?? '')) session.refresh()
    },
    upgrade: (missingScopes) => act(() => actions.upgrade(missingScopes)),
  }
}
