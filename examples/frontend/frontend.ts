import type { Outcome } from '../../web/flows/outcome.ts'
import { createActions } from './actions.ts'
import type { Api } from './api.ts'
import { arrive } from './arrive.ts'
import { createPage } from './page.ts'
import { followSession } from './session.ts'

type Options = {
  gatewayUrl: string
  /** What the address bar said of a flow that came back. */
  outcome: Outcome
  api: Api
}

/** What the page does when the gateway refuses something. */
export type Frontend = {
  /** Shows who is signed in now. */
  look(): void
  /** Goes to the account's own server, to be allowed more. */
  upgrade(missingScopes: string[]): void
}

/** A whole frontend of the gateway, on any GraphQL client. */
export function startFrontend({ gatewayUrl, outcome, api }: Options): Frontend {
  const page = createPage({
    gatewayUrl,
    onListTokens: () => act(actions.listTokens),
    onMakeToken: () => act(actions.makeToken),
    onSwitch: (did) => act(() => actions.switchTo(did)),
    onSignOut: () => act(actions.signOut),
  })
  const session = followSession({ api, page })
  const actions = createActions({ api, session, page })

  async function begin(): Promise<void> {
    const arrival = await arrive(api, outcome)
    await session.renew()
    if (arrival === null) return
    page.say(arrival.notice)
    if (arrival.developerToken !== null) page.showDeveloperToken(arrival.developerToken)
  }

  /** Does what a button says, and says what went wrong; unless it was pressed by somebody who is not signed in any more. */
  async function act(action: () => Promise<void>): Promise<void> {
    const asker = session.id()
    page.say('')
    try {
      await action()
    } catch (error) {
      if (session.id() === asker) page.say(api.problemOf(error))
    }
  }

  begin()
  return { look: () => session.look(), upgrade: (missingScopes) => act(() => actions.upgrade(missingScopes)) }
}
