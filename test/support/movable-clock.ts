import type { Clock } from '../../src/platform/clock.ts'

/** A clock that goes on by itself and can be moved ahead. */
export type MovableClock = Clock & { advance(ms: number): void }

export function createMovableClock(): MovableClock {
  let ahead = 0
  return Object.assign(() => Date.now() + ahead, {
    advance(ms: number) {
      ahead += ms
    },
  })
}
