import { describe, expect, it } from 'vitest'
import { newId, newSecret } from '../../src/platform/random.ts'
import { formatSessionToken, hashSecret, parseSessionToken, secretMatches } from '../../src/sessions/token.ts'

describe('session token', () => {
  const token = { id: newId(), secret: newSecret() }

  it('is taken apart as it was put together, with and without the developer prefix', () => {
    for (const developer of [true, false]) {
      expect(parseSessionToken(formatSessionToken(token, { developer }))).toEqual(token)
    }
    expect(formatSessionToken(token, { developer: true })).toMatch(/^atgate_/)
  })

  it.each([
    '',
    '.',
    token.id,
    `${token.id}.`,
    `.${token.secret}`,
    `${token.id}.${token.secret}x`,
    `${token.id}.${token.secret}\n`,
    `atgate_atgate_${token.id}.${token.secret}`,
    `${"' or 1=1 --".padEnd(32)}.${token.secret}`,
  ])('refuses %j', (text) => {
    expect(parseSessionToken(text)).toBeNull()
  })

  it('matches its own hash only', () => {
    const hash = hashSecret(token.secret)
    expect(secretMatches(token.secret, hash)).toBe(true)
    expect(secretMatches(newSecret(), hash)).toBe(false)
    expect(Buffer.from(hash).toString('latin1')).not.toContain(token.secret)
  })
})
