import type { Gateway } from '../gateway.ts'
import { HOUR } from '../platform/clock.ts'
import { PushedEvents } from '../platform/pushed-events.ts'
import type { Source } from '../platform/shared-sources.ts'
import { channelOf, isKnownKind, type SessionChangeKind } from './changes.ts'
import { type Client, findClient } from './client.ts'

/** How long a stream goes on at most; its client then subscribes again, with the token that it has by then. */
const LONGEST_STREAM = 1 * HOUR

/** What the streams of one token learn together. */
type News =
  | { kind: SessionChangeKind }
  /** When the token ends, as of now; null when it has ended. */
  | { endsAt: Date | null }
  | { failure: unknown }

type Parts = Pick<Gateway, 'stores' | 'runtime'>

/**
 * The changes of the client's session group from now on. It belongs to the client's token: it goes on when another
 * account becomes the active one, and ends with the token, after an hour, or when the gateway closes.
 * @param whenGone registers what is called when the client has gone, at once if it has already: it may leave while the
 *   stream is being set up
 * @throws GatewayError RATE_LIMITED, SERVICE_UNAVAILABLE
 */
export async function sessionChanges(
  parts: Parts,
  client: Client,
  whenGone: (listener: () => void) => void = () => undefined,
): Promise<AsyncIterableIterator<SessionChangeKind>> {
  const followed = new Followed(parts.runtime, client)
  whenGone(followed.end)
  const isOver = new Promise<void>((resolve) => followed.whenOver(resolve))
  const isReady = follow(parts, client, followed)
  try {
    // One that is over already is not waited for: the store may take seconds to say that it is away.
    await Promise.race([isReady, isOver])
  } catch (error) {
    followed.end()
    throw error
  }
  // What comes too late finds the stream over.
  isReady.catch(() => undefined)
  followed.whenOver(undefined)
  return followed.changes
}

/** Resolves once the stream is told of every change. */
async function follow({ stores, runtime }: Parts, client: Client, followed: Followed): Promise<void> {
  const source = newsOf(stores, client)
  const leave = await runtime.sources.join<News>(`session-changes:${client.token.id}`, source, followed.hear)
  if (!followed.holds(leave)) return
  // A source that others have opened does not show whether its store can be reached now.
  await stores.ephemeral.ping()
  // A change between the look-up of the client and the subscription would be missed otherwise.
  const current = await findClient(stores.db, client.token.id, new Date(runtime.clock()))
  if (current === null) followed.hear({ kind: 'SIGNED_OUT' })
  else if (current.group.version !== client.group.version) followed.hear({ kind: 'ACCOUNT_SWITCHED' })
  followed.hear({ endsAt: current?.token.endsAt ?? null })
}

/** A stream with what it holds until it is over. There are thousands: each member counts. */
class Followed {
  readonly changes: PushedEvents<SessionChangeKind>
  readonly #runtime: Parts['runtime']
  readonly #giveSlotBack: () => void
  #leave: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #whenOver: (() => void) | undefined

  /** @throws GatewayError RATE_LIMITED */
  constructor(runtime: Parts['runtime'], { token }: Client) {
    this.#runtime = runtime
    this.#giveSlotBack = runtime.streams.take(token.id)
    this.changes = new PushedEvents(this.#letGo)
    runtime.closing.addEventListener('abort', this.end)
    if (runtime.closing.aborted) this.end()
  }

  readonly end = (): void => this.changes.end()

  readonly hear = (news: News): void => {
    if ('kind' in news) this.changes.push(news.kind)
    else if ('endsAt' in news) this.#endWith(news.endsAt)
    else this.changes.fail(news.failure)
  }

  /** Leaves the source when it is over; at once, if that is so already. Returns whether it goes on. */
  holds(leave: () => void): boolean {
    if (this.changes.isOver) leave()
    else this.#leave = leave
    return !this.changes.isOver
  }

  whenOver(listener: (() => void) | undefined): void {
    if (this.changes.isOver) listener?.()
    else this.#whenOver = listener
  }

  #endWith(endsAt: Date | null): void {
    clearTimeout(this.#timer)
    if (this.changes.isOver) return
    const left = endsAt === null ? 0 : endsAt.getTime() - this.#runtime.clock()
    if (left <= 0) this.end()
    else this.#timer = setTimeout(this.end, Math.min(left, LONGEST_STREAM)).unref()
  }

  readonly #letGo = (): void => {
    clearTimeout(this.#timer)
    this.#runtime.closing.removeEventListener('abort', this.end)
    this.#giveSlotBack()
    this.#leave?.()
    this.#whenOver?.()
  }
}

/** One subscription and, after a change, one look-up for all streams of a token. */
function newsOf(stores: Parts['stores'], { token, group }: Client): Source<News> {
  return (tell) =>
    stores.ephemeral.subscribe(channelOf(group.id), (message) => {
      // A newer replica may announce a kind that this one does not know.
      if (!isKnownKind(message)) return
      // First: the look-up can fail, and a stream that ends with its token is told why.
      tell({ kind: message })
      stores.db.clientToken.findUnique({ where: { id: token.id }, select: { endsAt: true } }).then(
        (found) => tell({ endsAt: found?.endsAt ?? null }),
        (failure: unknown) => tell({ failure }),
      )
    })
}
