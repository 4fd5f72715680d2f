import type { CurrentUserPartsFragment, SessionChangeKind } from '../generated/graphql.ts'

type User = CurrentUserPartsFragment | null

/**
 * Whether a response is from after a change that another tab made. The event can arrive before the response that sets
 * the new cookie in this browser. With the old cookie the gateway still responds for a moment, as the previous account
 * or as nobody.
 */
export function isSettled(user: User): boolean {
  return user?.linkedAccounts.some(({ did, isActive }) => isActive && did === user.did) ?? false
}

/**
 * Whether to show a response at once. Signing out shows at once; if another account is active instead, the next query
 * finds it.
 */
export function mayBeShown(user: User, change: SessionChangeKind | null): boolean {
  return isSettled(user) || (user === null && change === 'SIGNED_OUT')
}
