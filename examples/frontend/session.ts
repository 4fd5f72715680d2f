import {
  CurrentUserDocument,
  type CurrentUserPartsFragment,
  type SessionChangeKind,
} from '../../web/generated/graphql.ts'
import { isSettled, mayBeShown } from '../../web/session/settled.ts'
import type { Api } from './api.ts'
import type { Page } from './page.ts'

/** Who is signed in, or nobody. */
export type User = CurrentUserPartsFragment | null

/** The session as this page knows it. */
export type Session = {
  /** The id of the session that the page shows; undefined while nobody is signed in. */
  id(): string | undefined
  /** Asks who is signed in, and shows it. Says so when there is no answer; what was known stays on the page then. */
  look(): Promise<void>
  /** The same after a change made here: what is known, and what is still being asked, is of before it. */
  renew(): Promise<void>
}

/** After a change in another tab, when to ask until this browser has the cookie that belongs to it; in milliseconds. */
const WAITS = [0, 150, 500, 1500]

/** Keeps the page true to the session: at each look, after changes in other tabs, and when it comes back into view. */
export function followSession({ api, page }: { api: Api; page: Page }): Session {
  let id: string | undefined
  let latest = 0
  let stopListening = () => {}

  async function look(change: SessionChangeKind | null = null): Promise<void> {
    const turn = ++latest
    try {
      for await (const { user, isFinal } of answers(api, change)) {
        // A later look knows better.
        if (turn !== latest) return
        if (isFinal || mayBeShown(user, change)) await show(user)
      }
    } catch (error) {
      if (turn === latest) page.say(api.problemOf(error))
    }
  }

  async function show(user: User): Promise<void> {
    const isSame = user?.session.id === id
    id = user?.session.id
    if (!isSame) {
      // Nothing that was asked as one account is ever shown to another.
      page.clear()
      await api.forget()
      listen()
    }
    page.showUser(user)
  }

  /** Clients give the answer of a like question that is on its way, which may be from before the change; so that is forgotten first. */
  async function renew(change: SessionChangeKind | null = null): Promise<void> {
    latest++
    await api.forget()
    await look(change)
  }

  /** Only while in view: over HTTP/1.1 browsers open six connections to a server, and tabs out of view would take them all. */
  function listen(): void {
    stopListening()
    stopListening = id !== undefined && isInView() ? api.listen(renew) : () => {}
  }

  /** Listens again too: a stream ends when the gateway restarts. */
  function onReturn(): void {
    listen()
    if (isInView()) look()
  }
  document.addEventListener('visibilitychange', onReturn)
  addEventListener('focus', onReturn)

  return { id: () => id, look: () => look(), renew: () => renew() }
}

const isInView = () => document.visibilityState === 'visible'

/** Who is signed in: asked once or, after a change elsewhere, until the answer is settled. */
async function* answers(api: Api, change: SessionChangeKind | null): AsyncGenerator<{ user: User; isFinal: boolean }> {
  for (const [index, wait] of WAITS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, wait))
    const { currentUser: user } = await api.query(CurrentUserDocument, {}, 'network-only')
    const isNobody = user === null && change === null
    const isFinal = isSettled(user) || isNobody || index === WAITS.length - 1
    yield { user, isFinal }
    if (isFinal) return
  }
}
