import { DAY, MINUTE } from '../../platform/clock.ts'

/** How long services may keep the key set that they have fetched (`Cache-Control: max-age`). */
export const JWKS_MAX_AGE = 5 * MINUTE

/** How old what a process knows of the keys may be. */
export const READ_EVERY = 1 * MINUTE

/** How old it may be while the database is away. */
export const TRUSTED_IN_OUTAGE = 5 * MINUTE

/**
 * How long a new key is published before it signs: until every service has seen it. A replica may publish a list as old
 * as TRUSTED_IN_OUTAGE, which services keep for JWKS_MAX_AGE; the rest is for clocks that differ.
 */
export const PUBLISHED_BEFORE = TRUSTED_IN_OUTAGE + JWKS_MAX_AGE + 5 * MINUTE

/** How long a key is published after it has signed for the last time. Its tokens live for a minute. */
export const PUBLISHED_AFTER = 5 * MINUTE

/** How long a key signs. */
export const SIGNS_FOR = 30 * DAY
