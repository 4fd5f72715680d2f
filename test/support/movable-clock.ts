import type { Clock } from '../../src/platform/clock.ts'
import type { MonotonicClock } from '../../src/platform/read-cache.ts'

/** A clock that goes on by itself and can be moved ahead. */
export type MovableClock = Clock & {
  advance(ms: number): void
  /** What a stopwatch beside the clock shows. */
  monotonic: MonotonicClock
}

export function createMovableClock(): MovableClock {
  let ahead = 0
  return Object.assign(() => Date.now() + ahead, {
    advance(ms: number) {
      ahead += ms
    },
    monotonic: () => performance.now() + ahead,
  })
}
