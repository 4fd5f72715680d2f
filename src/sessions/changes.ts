import type { Gateway } from '../gateway.ts'

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

/** Whether a message of the channel is a change. */
export function isKnownKind(message: string): message is SessionChangeKind {
  return SESSION_CHANGE_KINDS.some((kind) => kind === message)
}

/** The channel on which the changes of a group are announced. */
export function channelOf(groupId: string): string {
  return `session-group:${groupId}`
}
