import { EventEmitter, on } from 'node:events'
import type { Gateway } from '../gateway.ts'
import { isStillActive } from './still-active.ts'
import { requireGroup, type Viewer } from './viewer.ts'

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
 * The changes of the viewer's session group from now on. Ends with the change after which its session is no longer the
 * active one, or when the gateway closes.
 * @throws GatewayError FORBIDDEN for a developer token, which is in no group; RATE_LIMITED; SERVICE_UNAVAILABLE
 */
export async function sessionChanges(
  { stores, runtime }: Pick<Gateway, 'stores' | 'runtime'>,
  viewer: Viewer,
): Promise<AsyncIterableIterator<SessionChangeKind>> {
  const groupId = requireGroup(viewer)
  const { closing } = runtime
  const giveSlotBack = runtime.streams.take(viewer.session.id)
  const received = new EventEmitter()
  const changes = on(received, 'change', { close: ['end'] })
  const unsubscribe = await stores.ephemeral
    .subscribe(channelOf(groupId), (message) => {
      // A newer replica may announce a kind that this one does not know.
      if (isKnownKind(message)) received.emit('change', message)
    })
    .catch((error: unknown) => {
      giveSlotBack()
      throw error
    })
  const end = () => void received.emit('end')
  closing.addEventListener('abort', end, { once: true })

  let unsubscribed: Promise<void> | undefined
  async function close(): Promise<IteratorReturnResult<undefined>> {
    closing.removeEventListener('abort', end)
    giveSlotBack()
    end()
    // A store that cannot be reached has dropped the subscription with its connection.
    unsubscribed ??= unsubscribe().catch(() => undefined)
    await unsubscribed
    return { value: undefined, done: true }
  }

  async function isActive(): Promise<boolean> {
    try {
      return await isStillActive(stores.db, viewer)
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
      if (!(await isActive())) await close()
      return { value: kind, done: false }
    },
    return: close,
  }
  // A change between the look-up of the viewer and the subscription would be missed otherwise.
  if (!(await isActive())) received.emit('change', 'ACCOUNT_SWITCHED' satisfies SessionChangeKind)
  return iterator
}

function isKnownKind(message: string): message is SessionChangeKind {
  return SESSION_CHANGE_KINDS.some((kind) => kind === message)
}

function channelOf(groupId: string): string {
  return `session-group:${groupId}`
}
