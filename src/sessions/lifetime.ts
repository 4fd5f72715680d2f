import { DAY, SECOND } from '../platform/clock.ts'
import type { ClientToken, SessionKind } from '../store/sql/generated/client.ts'

/** When every client token ends, counted from its minting: the longest that browsers keep a cookie. */
export const TOKEN_LIFETIME = 400 * DAY

/** How long a browser has to use its token for the first time. One that never does has not received it. */
const UNUSED_LIFETIME = 1 * DAY

/** How long a token goes on after a newer one of its group was used: for the requests that were under way. */
export const REPLACED_LIFETIME = 60 * SECOND

/**
 * Whether a newer token of its group was used since this one was. It lives on for a minute, for the requests that were
 * under way, and mints no other: a copy of it could otherwise reach accounts that were added since.
 */
export function isReplaced({ confirmedAt, mintedAt, endsAt }: ClientToken): boolean {
  return confirmedAt !== null && endsAt.getTime() < mintedAt.getTime() + TOKEN_LIFETIME
}

/** When a session that is used now ends: `days` from now, but never after its grant. */
export function sessionExpiry(now: number, { days, grantExpiresAt }: { days: number; grantExpiresAt: Date }): Date {
  return new Date(Math.min(now + days * DAY, grantExpiresAt.getTime()))
}

/** When a token that is minted now ends if it is never used. An SDK may store its token for later. */
export function unusedTokenEnd(mintedAt: Date, kind: SessionKind): Date {
  return new Date(mintedAt.getTime() + (kind === 'BROWSER' ? UNUSED_LIFETIME : TOKEN_LIFETIME))
}
