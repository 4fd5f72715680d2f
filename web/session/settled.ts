import type { CurrentUserPartsFragment, SessionChangeKind } from '../generated/graphql.ts'

type User = CurrentUserPartsFragment | null

/**
 * Whether an answer is from after a change that another tab made. The news of it can be faster than the answer that gives this browser the
 * new cookie; with the old one the gateway goes on answering for a moment, as the account that is not the active one any more, or as nobody.
 */
export function isSettled(user: User): boolean {
  return user?.linkedAccounts.some(({ did, isActive }) => isActive && did === user.did) ?? false
}

/** Whether to show an answer already. That one is signed out shows at once; should somebody else be signed in instead, the next look finds out. */
export function mayBeShown(user: User, change: SessionChangeKind | null): boolean {
  return isSettled(user) || (user === null && change === 'SIGNED_OUT')
}
