import type { Gateway } from '../gateway.ts'
import { DAY } from '../platform/clock.ts'

/** The longest that browsers keep a cookie. */
const LONGEST_COOKIE = 400 * DAY

/** When a session that is used now ends: `days` from now, but never after its grant. */
export function sessionExpiry(now: number, { days, grantExpiresAt }: { days: number; grantExpiresAt: Date }): Date {
  return new Date(Math.min(now + days * DAY, grantExpiresAt.getTime()))
}

/** How long a browser keeps the session cookie, in seconds: as long as the session can slide. */
export function cookieMaxAge(
  { config, runtime }: { config: Gateway['config']; runtime: Pick<Gateway['runtime'], 'clock'> },
  { grant }: { grant: { expiresAt: Date } },
): number {
  // The grant of a confidential client is renewed as it is used, and the session slides with it.
  const isConfidential = config.oauth.privateKeys.length > 0
  const slides = isConfidential ? LONGEST_COOKIE : grant.expiresAt.getTime() - runtime.clock()
  return Math.floor(Math.min(slides, LONGEST_COOKIE) / 1000)
}
