import {
  DeveloperTokensDocument,
  LogoutDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import type { Api } from './api.ts'
import type { Page } from './page.ts'
import type { Session } from './session.ts'

type Parts = { api: Api; session: Session; page: Page }

/** What the buttons of the page do. Each rejects when the gateway refuses. */
export function createActions({ api, session, page }: Parts) {
  return {
    async listTokens(): Promise<void> {
      const asker = session.id()
      const { developerTokens } = await api.query(DeveloperTokensDocument, {}, 'cache-first')
      if (session.id() === asker) page.showDeveloperTokens(developerTokens)
    },

    /** Goes to the account's own server, which asks whether there may be a token. */
    async makeToken(): Promise<void> {
      const input = { name: document.title, returnTo: location.pathname }
      location.assign((await api.mutate(StartDeveloperTokenDocument, { input })).startDeveloperToken.authUrl)
    },

    /** Goes to the account's own server, which asks whether the app may do more. */
    async upgrade(scopes: string[]): Promise<void> {
      const input = { scopes, returnTo: location.pathname }
      location.assign((await api.mutate(StartScopeUpgradeDocument, { input })).startScopeUpgrade.authUrl)
    },

    async switchTo(targetDid: string): Promise<void> {
      await api.mutate(SwitchAccountDocument, { input: { targetDid } })
      await session.renew()
    },

    async signOut(): Promise<void> {
      await api.mutate(LogoutDocument, {})
      await session.renew()
    },
  }
}
