import { expect, it } from 'vitest'
import { createProvenTokens } from '../../src/platform/proven-tokens.ts'
import { cutOutOfHeaders, heldAfter } from '../support/held-memory.ts'

const token = (id: string, secret = 'secret') => ({ id, secret })

it('knows a token from when it is added until it is deleted', () => {
  const proven = createProvenTokens()
  expect(proven.has(token('id'))).toBe(false)
  proven.add(token('id'))
  proven.add(token('id'))
  expect(proven.has(token('id'))).toBe(true)
  expect(proven.has(token('Id'))).toBe(false)
  expect(proven.has(token('id', 'Secret'))).toBe(false)
  proven.delete(token('id'))
  expect(proven.has(token('id'))).toBe(false)
})

it('forgets no token for another one with its id', () => {
  const proven = createProvenTokens()
  proven.add(token('id'))
  proven.delete(token('id', 'wrong'))
  expect(proven.has(token('id'))).toBe(true)
})

it.each(['has', 'add'] as const)(
  'forgets the one that was used the longest ago when there are too many, by %s',
  (use) => {
    const proven = createProvenTokens()
    for (let index = 0; index < 20_000; index++) proven.add(token(`id-${index}`))
    proven[use](token('id-0'))
    proven.add(token('another'))
    expect(proven.has(token('id-0'))).toBe(true)
    expect(proven.has(token('id-1'))).toBe(false)
  },
)

it('holds no more of a request than its token', async () => {
  const proven = createProvenTokens()
  const held = await heldAfter(() => {
    for (const id of cutOutOfHeaders(2000)) proven.add(token(id))
  })
  expect(held).toBeLessThan(4e6)
  expect(proven.has(token('00000000000000000000'))).toBe(true)
})
