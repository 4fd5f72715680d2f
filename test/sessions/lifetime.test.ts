import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { type Environment, loadConfig } from '../../src/config/config.ts'
import { cookieMaxAge, sessionExpiry } from '../../src/sessions/lifetime.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = Date.UTC(2026, 0, 1)

it('a session ends after its days, but never after its grant', () => {
  const endOf = (days: number, grantDays: number) =>
    sessionExpiry(NOW, { days, grantExpiresAt: new Date(NOW + grantDays * DAY) }).getTime()
  expect(endOf(14, 100)).toBe(NOW + 14 * DAY)
  expect(endOf(14, 5)).toBe(NOW + 5 * DAY)
})

/** In days. */
function maxAge(environment: Environment, grantDays: number): number {
  const runtime = { clock: () => NOW }
  const grant = { expiresAt: new Date(NOW + grantDays * DAY) }
  return cookieMaxAge({ config: loadConfig(environment), runtime }, { grant }) / (24 * 60 * 60)
}

it('browsers keep the session cookie as long as a public client’s grant lasts, and 400 days at most', () => {
  expect(maxAge({}, 14)).toBe(14)
  expect(maxAge({}, 1.5 / 24 / 60 / 60)).toBe(1 / 24 / 60 / 60)
  expect(maxAge({}, 500)).toBe(400)
})

it('browsers keep the session cookie of a confidential client 400 days: its grant is renewed as it is used', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const environment = {
    PUBLIC_URL: 'https://gateway.example.com',
    OAUTH_PRIVATE_KEYS: JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'k1' }] }),
  }
  expect(maxAge(environment, 14)).toBe(400)
})
