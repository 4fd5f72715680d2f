import { describe, expect, it } from 'vitest'
import { newId, newSecret } from '../../src/platform/random.ts'
import { hashSecret, mintClientToken, mintDeveloperToken, parseToken, secretMatches } from '../../src/sessions/token.ts'

describe('a token', () => {
  const token = { id: newId(), secret: newSecret() }

  it('is taken apart as it was put together, with and without the developer prefix', () => {
    const client = mintClientToken(token.id)
    const developer = mintDeveloperToken(token.id)
    expect(parseToken(client.text)).toMatchObject({ isDeveloperToken: false, id: token.id })
    expect(parseToken(developer.text)).toMatchObject({ isDeveloperToken: true, id: token.id })
    expect(developer.text).toMatch(/^atgate_/)
    for (const { text, secretHash } of [client, developer]) {
      expect(secretMatches(parseToken(text)?.secret ?? '', secretHash)).toBe(true)
    }
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
  ])('does not have the form of %j', (text) => {
    expect(parseToken(text)).toBeNull()
  })

  it('matches its own hash only', () => {
    const hash = hashSecret(token.secret)
    expect(secretMatches(token.secret, hash)).toBe(true)
    expect(secretMatches(newSecret(), hash)).toBe(false)
    expect(Buffer.from(hash).toString('latin1')).not.toContain(token.secret)
  })
})
