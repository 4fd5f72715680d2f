import { DAY, HOUR } from '../../platform/clock.ts'
import type { Grant } from './grant.ts'

/** The share of an access token's life after which it is refreshed, in the background. */
const REFRESH_AFTER = 0.8

/** A server may claim any life. A token that claims more than this is refreshed after a day all the same. */
const LONGEST_LIFE = 1 * DAY

/** When a token is refreshed whose server does not say how long it lives. */
const REFRESH_WITHOUT_END = 1 * HOUR

/** How long, from now, an access token goes on and when it is to be refreshed, in milliseconds. */
export type TokenLife = { endsIn: number | null; refreshIn: number }

/** The end that a token response says (RFC 6749 §5.1, `expires_in`), as an ISO date. */
export function tokenEnd(expiresIn: number, sentAt: number): string {
  return new Date(sentAt + Math.min(expiresIn * 1000, LONGEST_LIFE)).toISOString()
}

/** By the system's clock, with which the end was written when the token was granted. */
export function tokenLife({ tokenSet: { expires_at } }: Grant): TokenLife {
  if (expires_at === undefined) return { endsIn: null, refreshIn: REFRESH_WITHOUT_END }
  const endsIn = Math.min(Math.max(Date.parse(expires_at) - Date.now(), 0), LONGEST_LIFE)
  return { endsIn, refreshIn: endsIn * REFRESH_AFTER }
}

export function tokenHasEnded(grant: Grant): boolean {
  return tokenLife(grant).endsIn === 0
}
