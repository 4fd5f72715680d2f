import type { CurrentUserPartsFragment } from '../../web/generated/graphql.ts'
import { type AccountFragment, CurrentUserDocument, LinkedAccountsDocument } from '../../web/generated/graphql.ts'
import type { Api } from './api.ts'
import type { Page } from './page.ts'

/** The account that this tab acts as, or null. */
export type User = CurrentUserPartsFragment | null

/** The session that this page shows. */
export type Session = {
  /** The id of the session that the page shows; undefined while it shows none. */
  id(): string | undefined
  /** The DID that requests name, or null before this tab acts as an account. */
  account(): string | null
  /** Queries who is signed in, and shows it. If that fails, shows the error and keeps what is on the page. */
  refresh(): Promise<void>
  /** Does the same after a change, and first drops what was cached or queried before the change. */
  reload(): Promise<void>
  /** Acts as another account from now on, in this tab only. */
  actAs(did: string): Promise<void>
}

/** How long to wait before listening again, in milliseconds. */
const RETRY = 1000

/** Keeps the page in step with the session: after changes in other tabs, and when the page comes back into view. */
export function followSession({ api, page }: { api: Api; page: Page }): Session {
  let account: string | null = null
  let id: string | undefined
  let isSignedIn = false
  let latest = 0
  let stopListening = () => {}

  async function refresh(): Promise<void> {
    const attempt = ++latest
    try {
      const user = await queryUser(api)
      const choices = user === null ? await queryAccounts(api) : []
      // Unless a later refresh is under way.
      if (attempt === latest) await show(user, choices)
    } catch (error) {
      if (attempt === latest) page.say(api.problemOf(error))
    }
  }

  async function show(user: User, choices: AccountFragment[]): Promise<void> {
    const isSame = user?.session.id === id
    id = user?.session.id
    // While there are others to choose from, this tab still names its own: it never acts as another one unasked.
    if (user !== null || choices.length === 0) account = user?.did ?? null
    if (!isSame) {
      // No response to one account is ever shown to another.
      page.clear()
      await api.forget()
    }
    const wasSignedIn = isSignedIn
    isSignedIn = user !== null || choices.length > 0
    if (isSignedIn !== wasSignedIn) listen()
    page.show(user, choices)
  }

  /** Clients share the response of an equal query in flight, which may predate the change. So this forgets it first. */
  async function reload(): Promise<void> {
    latest++
    await api.forget()
    await refresh()
  }

  async function actAs(did: string): Promise<void> {
    account = did
    await reload()
  }

  /**
   * Listens only while in view: over HTTP/1.1 browsers open six connections to a server, and hidden tabs would use them
   * up.
   */
  function listen(): void {
    stopListening()
    stopListening = isSignedIn && isInView() ? api.listen({ onChange: reload, onEnd }) : () => {}
  }

  /** A stream ends with its token, after an hour, and when the gateway restarts. A change may happen until the next. */
  function onEnd(): void {
    const timer = setTimeout(onReturn, RETRY)
    stopListening = () => clearTimeout(timer)
  }

  function onReturn(): void {
    listen()
    if (isInView()) refresh()
  }
  document.addEventListener('visibilitychange', onReturn)
  addEventListener('focus', onReturn)

  return { id: () => id, account: () => account, refresh, reload, actAs }
}

const isInView = () => document.visibilityState === 'visible'

/** The account that this tab acts as. Null when nobody is signed in, and when that account was signed out. */
async function queryUser(api: Api): Promise<User> {
  try {
    return (await api.query(CurrentUserDocument, {}, 'network-only')).currentUser ?? null
  } catch (error) {
    if (api.codeOf(error) === 'ACCOUNT_CHANGED') return null
    throw error
  }
}

/** Every account that is signed in in this browser. */
async function queryAccounts(api: Api): Promise<AccountFragment[]> {
  try {
    return (await api.query(LinkedAccountsDocument, {}, 'network-only')).linkedAccounts
  } catch (error) {
    if (api.codeOf(error) === 'UNAUTHENTICATED') return []
    throw error
  }
}
