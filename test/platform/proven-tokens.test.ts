import { expect, it } from 'vitest'
import { createProvenTokens } from '../../src/platform/proven-tokens.ts'

it('knows a token from when it is added until it is deleted', () => {
  const proven = createProvenTokens()
  expect(proven.has('token')).toBe(false)
  proven.add('token')
  expect(proven.has('token')).toBe(true)
  expect(proven.has('Token')).toBe(false)
  proven.delete('token')
  expect(proven.has('token')).toBe(false)
})

it('forgets the one that was used the longest ago when there are too many', () => {
  const proven = createProvenTokens()
  for (let index = 0; index < 20_000; index++) proven.add(`token-${index}`)
  expect(proven.has('token-0')).toBe(true)
  proven.add('another')
  expect(proven.has('token-0')).toBe(true)
  expect(proven.has('token-1')).toBe(false)
})
