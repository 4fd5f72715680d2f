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

/** A change of a session group. It names no account and holds no secret: whoever may know more asks again who it is. */
export type SessionChange = { groupId: string; kind: SessionChangeKind }

/**
 * Tells the group's clients, on every replica, after the change is committed. Never blocks and never fails the caller: what
 * has changed has changed, and a client that was not told asks again when it is next looked at.
 */
export function announce(
  { ephemeral, logger }: Pick<Gateway, 'ephemeral' | 'logger'>,
  { groupId, kind }: SessionChange,
): void {
  ephemeral
    .publish(channelOf(groupId), kind)
    .catch((error: unknown) => logger.warn({ err: error, kind }, 'session change not announced'))
}

/**
 * The changes of the viewer's session group from now on. Ends with the one by which its session ceases to be the active one, or when the
 * gateway closes.
 * @throws GatewayError FORBIDDEN for a developer token, which is in no group; SERVICE_UNAVAILABLE
 */
export async function sessionChanges(
  { ephemeral, db, closing }: Pick<Gateway, 'ephemeral' | 'db' | 'closing'>,
  viewer: Viewer,
): Promise<AsyncIterableIterator<SessionChangeKind>> {
  const groupId = requireGroup(viewer)
  const heard = new EventEmitter()
  const changes = on(heard, 'change', { close: ['end'] })
  const unsubscribe = await ephemeral.subscribe(channelOf(groupId), (kind) => void heard.emit('change', kind))
  const end = () => void heard.emit('end')
  closing.addEventListener('abort', end, { once: true })

  let unsubscribed: Promise<void> | undefined
  async function close(): Promise<IteratorReturnResult<undefined>> {
    closing.removeEventListener('abort', end)
    end()
    // A store that is away has forgotten us by itself.
    unsubscribed ??= unsubscribe().catch(() => undefined)
    await unsubscribed
    return { value: undefined, done: true }
  }

  async function isActive(): Promise<boolean> {
    try {
      return await isStillActive(db, viewer)
    } catch (error) {
      await close()
      throw error
    }
  }

  // Not a generator: one that waits for a change cannot be ended from outside, and would stay subscribed after its client has gone.
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
  // Nothing falls between the look-up of the viewer and now.
  if (!(await isActive())) heard.emit('change', 'ACCOUNT_SWITCHED' satisfies SessionChangeKind)
  return iterator
}

function channelOf(groupId: string): string {
  return `session-group:${groupId}`
}
