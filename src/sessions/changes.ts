import { EventEmitter, on } from 'node:events'
import type { Gateway } from '../gateway.ts'
import { HOUR } from '../platform/clock.ts'
import { type Client, findClient } from './client.ts'

/** What can happen to a session group. */
export const SESSION_CHANGE_KINDS = [
  'ACCOUNT_ADDED',
  'ACCOUNT_SWITCHED',
  'ACCOUNT_REMOVED',
  'SCOPES_UPGRADED',
  'NEEDS_REAUTHENTICATION',
  'SIGNED_OUT',
] as const

export type SessionChangeKind = (typeof SESSION_CHANGE_KINDS)[number]

/** A change of a session group. It names no account and holds no secret: clients query currentUser again. */
export type SessionChange = { groupId: string; kind: SessionChangeKind }

type Announcing = {
  stores: Pick<Gateway['stores'], 'ephemeral'>
  runtime: Pick<Gateway['runtime'], 'logger'>
}

/** How long a stream goes on at most; its client then subscribes again, with the token that it has by then. */
const LONGEST_STREAM = 1 * HOUR

/**
 * Tells the group's clients on every replica of a committed change. Returns at once and never throws: a client that
 * misses the message queries again when its tab comes into view.
 */
export function announce({ stores, runtime }: Announcing, { groupId, kind }: SessionChange): void {
  stores.ephemeral
    .publish(channelOf(groupId), kind)
    .catch((error: unknown) => runtime.logger.warn({ err: error, kind }, 'session change not announced'))
}

/**
 * The changes of the client's session group from now on. It belongs to the client's token: it goes on when another
 * account becomes the active one, and ends with the token, after an hour, or when the gateway closes.
 * @throws GatewayError RATE_LIMITED, SERVICE_UNAVAILABLE
 */
export async function sessionChanges(
  { stores, runtime }: Pick<Gateway, 'stores' | 'runtime'>,
  client: Client,
): Promise<AsyncIterableIterator<SessionChangeKind>> {
  const { closing } = runtime
  const giveSlotBack = runtime.streams.take(client.token.id)
  const received = new EventEmitter()
  const changes = on(received, 'change', { close: ['end'] })
  const unsubscribe = await stores.ephemeral
    .subscribe(channelOf(client.group.id), (message) => {
      // A newer replica may announce a kind that this one does not know.
      if (isKnownKind(message)) received.emit('change', message)
    })
    .catch((error: unknown) => {
      giveSlotBack()
      throw error
    })
  const end = () => void received.emit('end')
  closing.addEventListener('abort', end, { once: true })
  let timer: NodeJS.Timeout | undefined

  let unsubscribed: Promise<void> | undefined
  async function close(): Promise<IteratorReturnResult<undefined>> {
    clearTimeout(timer)
    closing.removeEventListener('abort', end)
    giveSlotBack()
    end()
    // A store that cannot be reached has dropped the subscription with its connection.
    unsubscribed ??= unsubscribe().catch(() => undefined)
    await unsubscribed
    return { value: undefined, done: true }
  }

  /** The client as it is now; null when its token has ended. Sees to it that the stream ends with the token. */
  async function look(): Promise<Client | null> {
    try {
      const now = runtime.clock()
      const current = await findClient(stores.db, client.token.id, new Date(now))
      clearTimeout(timer)
      if (current === null) return null
      timer = setTimeout(end, Math.min(current.token.endsAt.getTime() - now, LONGEST_STREAM)).unref()
      return current
    } catch (error) {
      await close()
      throw error
    }
  }

  // Not a generator: one that waits for a change cannot be ended from outside, and would stay subscribed after its
  // client has left.
  const iterator: AsyncIterableIterator<SessionChangeKind> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const { value, done } = await changes.next()
      if (done) return close()
      const [kind] = value as [SessionChangeKind]
      if ((await look()) === null) await close()
      return { value: kind, done: false }
    },
    return: close,
  }
  // A change between the look-up of the client and the subscription would be missed otherwise.
  const current = await look()
  if (current === null) received.emit('change', 'SIGNED_OUT' satisfies SessionChangeKind)
  else if (current.group.version !== client.group.version) {
    received.emit('change', 'ACCOUNT_SWITCHED' satisfies SessionChangeKind)
  }
  return iterator
}

function isKnownKind(message: string): message is SessionChangeKind {
  return SESSION_CHANGE_KINDS.some((kind) => kind === message)
}

function channelOf(groupId: string): string {
  return `session-group:${groupId}`
}
