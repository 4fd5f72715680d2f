import { expect, it } from 'vitest'
import { isReplaced, sessionExpiry, unusedTokenEnd } from '../../src/sessions/lifetime.ts'
import type { ClientToken } from '../../src/store/sql/generated/client.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = Date.UTC(2026, 0, 1)
const at = (days: number) => new Date(NOW + days * DAY)

it('a session ends after its days, but never after its grant', () => {
  const endOf = (days: number, grantDays: number) =>
    sessionExpiry(NOW, { days, grantExpiresAt: at(grantDays) }).getTime()
  expect(endOf(14, 100)).toBe(NOW + 14 * DAY)
  expect(endOf(14, 5)).toBe(NOW + 5 * DAY)
})

it('a browser has a day to use its token, and a client that stores it 400', () => {
  expect(unusedTokenEnd(at(0), 'BROWSER')).toEqual(at(1))
  expect(unusedTokenEnd(at(0), 'SDK')).toEqual(at(400))
})

it('a token is replaced once its end was brought forward', () => {
  const token = { mintedAt: at(0), confirmedAt: at(0), endsAt: at(400) } as ClientToken
  expect(isReplaced(token)).toBe(false)
  expect(isReplaced({ ...token, endsAt: at(2) })).toBe(true)
  expect(isReplaced({ ...token, confirmedAt: null, endsAt: at(1) })).toBe(false)
})
