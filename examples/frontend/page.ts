import type { AccountFragment, DeveloperTokensQuery } from '../../web/generated/graphql.ts'
import markup from './page.html?raw'
import type { User } from './session.ts'

type Options = {
  gatewayUrl: string
  onListTokens: () => void
  onCreateToken: () => void
  onSwitch: (did: string) => void
  onSignOut: () => void
}

/** The page of the frontend. */
export type Page = {
  say(text: string): void
  /** Shows the account, or the accounts to choose from, or how to sign in. */
  show(user: User, choices: AccountFragment[]): void
  showDeveloperTokens(tokens: DeveloperTokensQuery['developerTokens']): void
  /** The secret of a developer token. */
  showDeveloperToken(secret: string): void
  /** Removes what belongs to one account. */
  clear(): void
}

/** Fills the document with page.html. */
export function createPage({ gatewayUrl, onListTokens, onCreateToken, onSwitch, onSignOut }: Options): Page {
  document.body.innerHTML = markup
  const signIn = find('sign-in', HTMLFormElement)
  // A form is enough: the browser goes to the gateway, which sends it to the account's own server.
  signIn.action = `${gatewayUrl}/auth/start`
  find('return-to', HTMLInputElement).value = location.pathname
  find('list-tokens').onclick = onListTokens
  find('create-token').onclick = onCreateToken
  find('sign-out').onclick = onSignOut

  const switchButton = ({ did, handle }: AccountFragment) => button(`Switch to ${handle}`, () => onSwitch(did))

  return {
    say(text) {
      find('notice').textContent = text
    },
    show(user, choices) {
      signIn.hidden = user !== null || choices.length > 0
      find('choice').hidden = choices.length === 0
      find('choices').replaceChildren(...choices.map(switchButton))
      find('account').hidden = user === null
      find('handle').textContent = user?.handle ?? ''
      find('scopes').textContent = user?.grantedScopes.join(', ') ?? ''
      const others = user?.linkedAccounts.filter(({ did }) => did !== user.did) ?? []
      find('others').replaceChildren(...others.map(switchButton))
    },
    showDeveloperTokens(tokens) {
      const items = tokens.map(({ prefix, name }) => item(`${name ?? 'unnamed'} (${prefix}…)`))
      find('tokens').replaceChildren(...(items.length === 0 ? [item('None.')] : items))
    },
    showDeveloperToken(secret) {
      find('secret').textContent = `Your developer token, which is not shown again: ${secret}`
    },
    clear() {
      find('tokens').replaceChildren()
      find('secret').textContent = ''
    },
  }
}

function find<E extends HTMLElement = HTMLElement>(id: string, type?: new () => E): E
function find(id: string, type: typeof HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new TypeError(`page.html has no ${id}`)
  return element
}

function button(text: string, onclick: () => void): HTMLButtonElement {
  return Object.assign(document.createElement('button'), { type: 'button', textContent: text, onclick })
}

function item(text: string): HTMLLIElement {
  return Object.assign(document.createElement('li'), { textContent: text })
}
