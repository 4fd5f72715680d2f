import type { Config } from '../config/config.ts'
import type { Gateway } from '../gateway.ts'
import { DAY } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'

/** The longest that browsers keep a cookie. */
const LONGEST_COOKIE = 400 * DAY

/** When a session used now ends: some days from now, but never after its grant. */
export function sessionExpiry(now: number, sessionDays: number, credentialExpiresAt: Date): Date {
  return new Date(Math.min(now + sessionDays * DAY, credentialExpiresAt.getTime()))
}

/** How long a browser is to keep the session cookie, in seconds: as long as the session can slide. */
export function cookieMaxAge(
  { config, clock }: Pick<Gateway, 'config' | 'clock'>,
  { credential }: { credential: { expiresAt: Date } },
): number {
  // The grant of a confidential client is renewed as it is used, and the session slides along.
  const slides = config.oauth.privateKeys.length > 0 ? LONGEST_COOKIE : credential.expiresAt.getTime() - clock()
  return Math.floor(Math.min(slides, LONGEST_COOKIE) / 1000)
}

type DayLimits = Pick<Config, 'developerTokenDefaultDays' | 'developerTokenMaxDays'>

/**
 * For how many days a developer token was asked.
 * @param expiresInDays null asks for the default, 0 for the longest allowed
 * @throws GatewayError BAD_USER_INPUT
 */
export function developerTokenDays(limits: DayLimits, expiresInDays: number | null): number {
  const { developerTokenDefaultDays, developerTokenMaxDays } = limits
  if (expiresInDays === null) return developerTokenDefaultDays
  if (expiresInDays === 0) return developerTokenMaxDays
  if (expiresInDays > 0 && expiresInDays <= developerTokenMaxDays) return expiresInDays
  throw new GatewayError(
    'BAD_USER_INPUT',
    `expiresInDays must be from 1 to ${developerTokenMaxDays}, or 0 for the longest allowed.`,
  )
}
