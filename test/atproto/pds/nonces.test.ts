import { expect, it } from 'vitest'
import { createNonces } from '../../../src/atproto/pds/nonces.ts'

it('has the newest nonce of each server', () => {
  const nonces = createNonces()
  nonces.note('https://a.test', 'first')
  nonces.note('https://b.test', 'other')
  nonces.note('https://a.test', 'second')
  // An answer without one leaves it as it was.
  nonces.note('https://a.test', undefined)
  expect(nonces.of('https://a.test')).toBe('second')
  expect(nonces.of('https://b.test')).toBe('other')
  expect(nonces.of('https://c.test')).toBeUndefined()
})

it('is fresh for a minute', () => {
  let now = 0
  const nonces = createNonces(() => now)
  expect(nonces.isFresh('https://a.test')).toBe(false)
  nonces.note('https://a.test', 'nonce')
  now = 59_999
  expect(nonces.isFresh('https://a.test')).toBe(true)
  now = 60_000
  expect(nonces.isFresh('https://a.test')).toBe(false)
})

it.each([['a"quote'], ['two words'], ['x'.repeat(513)], [''], [['two', 'headers']]])(
  'takes no %j for a nonce',
  (header) => {
    const nonces = createNonces()
    nonces.note('https://a.test', header)
    expect(nonces.of('https://a.test')).toBeUndefined()
  },
)
