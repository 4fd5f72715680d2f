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

/** Creates the actions of the page's buttons. Each rejects when the gateway refuses. */
export function createActions({ api, session, page }: Parts) {
  return {
    async listTokens(): Promise<void> {
      const sessionId = session.id()
      const { developerTokens } = await api.query(DeveloperTokensDocument, {}, 'cache-first')
      if (session.id() === sessionId) page.showDeveloperTokens(developerTokens)
    },

    /** Goes to the account's own server, which asks for permission to create a token. */
    async createToken(): Promise<void> {
      const input = { name: document.title, returnTo: location.pathname }
      location.assign((await api.mutate(StartDeveloperTokenDocument, { input })).startDeveloperToken.authUrl)
    },

    /** Goes to the account's own server, which asks for the additional permissions. */
    async upgrade(scopes: string[]): Promise<void> {
      const input = { scopes, returnTo: location.pathname }
      location.assign((await api.mutate(StartScopeUpgradeDocument, { input })).startScopeUpgrade.authUrl)
    },

    async switchTo(targetDid: string): Promise<void> {
      await api.mutate(SwitchAccountDocument, { input: { targetDid } })
      await session.actAs(targetDid)
    },

    async signOut(): Promise<void> {
      await api.mutate(LogoutDocument, {})
      await session.reload()
    },
  }
}
