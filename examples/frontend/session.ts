import {
  CurrentUserDocument,
  type CurrentUserPartsFragment,
  type SessionChangeKind,
} from '../../web/generated/graphql.ts'
import { isSettled, mayBeShown } from '../../web/session/settled.ts'
import type { Api } from './api.ts'
import type { Page } from './page.ts'

/** The account that is signed in, or null. */
export type User = CurrentUserPartsFragment | null

/** The session that this page shows. */
export type Session = {
  /** The id of the session that the page shows; undefined while nobody is signed in. */
  id(): string | undefined
  /** Queries who is signed in, and shows it. If that fails, shows the error and keeps what is on the page. */
  refresh(): Promise<void>
  /** Does the same after a change made here, and first drops what was cached or queried before the change. */
  reload(): Promise<void>
}

/**
 * The delays before each query, in milliseconds, until this browser has the cookie that belongs to a change in another
 * tab.
 */
const DELAYS = [0, 150, 500, 1500]

/** Keeps the page in step with the session: after changes in other tabs, and when the page comes back into view. */
export function followSession({ api, page }: { api: Api; page: Page }): Session {
  let id: string | undefined
  let latest = 0
  let stopListening = () => {}

  async function refresh(change: SessionChangeKind | null = null): Promise<void> {
    const attempt = ++latest
    try {
      for await (const { user, isFinal } of queryUntilSettled(api, change)) {
        // A later refresh is under way.
        if (attempt !== latest) return
        if (isFinal || mayBeShown(user, change)) await show(user)
      }
    } catch (error) {
      if (attempt === latest) page.say(api.problemOf(error))
    }
  }

  async function show(user: User): Promise<void> {
    const isSame = user?.session.id === id
    id = user?.session.id
    if (!isSame) {
      // No response to one account is ever shown to another.
      page.clear()
      await api.forget()
      listen()
    }
    page.showUser(user)
  }

  /** Clients share the response of an equal query in flight, which may predate the change. So this forgets it first. */
  async function reload(change: SessionChangeKind | null = null): Promise<void> {
    latest++
    await api.forget()
    await refresh(change)
  }

  /**
   * Listens only while in view: over HTTP/1.1 browsers open six connections to a server, and hidden tabs would use them
   * up.
   */
  function listen(): void {
    stopListening()
    stopListening = id !== undefined && isInView() ? api.listen(reload) : () => {}
  }

  /** Also listens again, because a stream ends when the gateway restarts. */
  function onReturn(): void {
    listen()
    if (isInView()) refresh()
  }
  document.addEventListener('visibilitychange', onReturn)
  addEventListener('focus', onReturn)

  return { id: () => id, refresh: () => refresh(), reload: () => reload() }
}

const isInView = () => document.visibilityState === 'visible'

/** Queries who is signed in: once or, after a change in another tab, until the result is settled. */
async function* queryUntilSettled(
  api: Api,
  change: SessionChangeKind | null,
): AsyncGenerator<{ user: User; isFinal: boolean }> {
  for (const [index, delay] of DELAYS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, delay))
    const { currentUser: user } = await api.query(CurrentUserDocument, {}, 'network-only')
    const isNobody = user === null && change === null
    const isFinal = isSettled(user) || isNobody || index === DELAYS.length - 1
    yield { user, isFinal }
    if (isFinal) return
  }
}
