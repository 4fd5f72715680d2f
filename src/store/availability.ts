import type { Logger } from '../platform/logger.ts'

/** Is told how a store fares, and logs when that changes. */
export type Availability = {
  away(error: unknown): void
  there(): void
}

/** Logs one line when a store goes away and one when it is back, not one for each operation in between. */
export function logAvailability(
  store: 'database' | 'ephemeral store',
  logger: Pick<Logger, 'warn' | 'info'>,
): Availability {
  let isAway = false
  return {
    away(error) {
      if (!isAway) logger.warn({ err: error }, `${store} not reachable`)
      isAway = true
    },
    there() {
      if (isAway) logger.info(`${store} reachable again`)
      isAway = false
    },
  }
}

/** For those who log nothing. */
export const UNWATCHED: Availability = { away: () => undefined, there: () => undefined }
