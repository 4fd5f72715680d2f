import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tokenEnd, tokenHasEnded, tokenLife } from '../../../src/atproto/grants/token-life.ts'
import { aGrant } from '../../support/builders.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

describe('the life of an access token', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2030, 0, 1) }))
  afterEach(() => void vi.useRealTimers())

  const endingIn = (ms: number) => aGrant({ expires_at: new Date(Date.now() + ms).toISOString() })

  it('is over at its end, and nearly so after four fifths', () => {
    expect(tokenLife(endingIn(HOUR))).toEqual({ endsIn: HOUR, refreshIn: 0.8 * HOUR })
    expect(tokenLife(endingIn(-1))).toEqual({ endsIn: 0, refreshIn: 0 })
    expect([endingIn(1), endingIn(0), endingIn(-HOUR)].map(tokenHasEnded)).toEqual([false, true, true])
  })

  it('is not known where the server does not say it: the token is used, and refreshed after an hour', () => {
    const grant = aGrant({ expires_at: undefined })
    expect(tokenLife(grant)).toEqual({ endsIn: null, refreshIn: HOUR })
    expect(tokenHasEnded(grant)).toBe(false)
  })

  it('is a day at most, whatever a server claims', () => {
    expect(tokenLife(endingIn(400 * DAY))).toEqual({ endsIn: DAY, refreshIn: 0.8 * DAY })
    expect(tokenEnd(1e15, Date.now())).toBe(new Date(Date.now() + DAY).toISOString())
    expect(tokenEnd(3600, Date.now())).toBe(new Date(Date.now() + HOUR).toISOString())
  })
})
