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
  const { streams, closing } = parts.runtime
  const giveSlotBack = streams.take(client.token.id)
  const over = Promise.withResolvers<void>()
  const cleanUp = [giveSlotBack, over.resolve]
  const changes = new PushedEvents<SessionChangeKind>(() => {
    for (const each of cleanUp) each()
  })
  const end = () => changes.end()
  closing.addEventListener('abort', end)
  cleanUp.push(() => closing.removeEventListener('abort', end))
  whenGone(end)
  if (closing.aborted) end()
  const ready = follow(parts, client, changes, cleanUp)
  try {
    // One that is over already is not waited for: the store may take seconds to say that it is away.
    await Promise.race([ready, over.promise])
  } catch (error) {
    end()
    throw error
  }
  // What comes too late finds the stream over.
  ready.catch(() => undefined)
  return changes
}

/** Resolves once the stream is told of every change. */
async function follow(
  parts: Parts,
  client: Client,
  changes: PushedEvents<SessionChangeKind>,
  cleanUp: (() => void)[],
): Promise<void> {
  const { stores, runtime } = parts
  let timer: NodeJS.Timeout | undefined
  cleanUp.push(() => clearTimeout(timer))

  function endWith(endsAt: Date | null): void {
    clearTimeout(timer)
    if (changes.isOver) return
    const left = endsAt === null ? 0 : endsAt.getTime() - runtime.clock()
    if (left <= 0) changes.end()
    else timer = setTimeout(() => changes.end(), Math.min(left, LONGEST_STREAM)).unref()
  }

  const leave = await runtime.sources.join<News>(
    `session-changes:${client.token.id}`,
    newsOf(parts, client),
    (news) => {
      if ('kind' in news) changes.push(news.kind)
      else if ('endsAt' in news) endWith(news.endsAt)
      else changes.fail(news.failure)
    },
  )
  if (changes.isOver) return leave()
  cleanUp.push(leave)
  // A source that others have opened does not show whether its store can be reached now.
  await stores.ephemeral.ping()
  // A change between the look-up of the client and the subscription would be missed otherwise.
  const current = await findClient(stores.db, client.token.id, new Date(runtime.clock()))
  if (current === null) changes.push('SIGNED_OUT')
  else if (current.group.version !== client.group.version) changes.push('ACCOUNT_SWITCHED')
  endWith(current?.token.endsAt ?? null)
}

/** One subscription and, after a change, one look-up for all streams of a token. */
function newsOf({ stores, runtime }: Parts, { token, group }: Client): Source<News> {
  return (tell) =>
    stores.ephemeral.subscribe(channelOf(group.id), (message) => {
      // A newer replica may announce a kind that this one does not know.
      if (!isKnownKind(message)) return
      // First: the look-up can fail, and a stream that ends with its token is told why.
      tell({ kind: message })
      stores.db.clientToken.findUnique({ where: { id: token.id }, select: { endsAt: true } }).then(
        (found) => tell({ endsAt: found?.endsAt ?? null }),
        (failure: unknown) => {
          runtime.logger.warn({ err: failure }, 'event streams broken off: their token was not looked up')
          tell({ failure })
        },
      )
    })
}
