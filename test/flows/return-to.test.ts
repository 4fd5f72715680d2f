import { describe, expect, it } from 'vitest'
import type { ClientBinding } from '../../src/flows/client-binding.ts'
import { resolveReturnTo, withOutcome } from '../../src/flows/return-to.ts'

const config = {
  frontendUrl: 'https://app.example.com',
  allowedOrigins: ['https://auth.example.com', 'https://app.example.com', 'https://other.example.com'],
  returnUrls: ['com.example.app:/signed-in', 'https://links.example.com/done'],
}
const cookie = { kind: 'cookie', hash: 'h' } as const
const challenge = { kind: 'challenge', challenge: 'c' } as const

describe('resolveReturnTo', () => {
  it.each([
    [null, 'https://app.example.com/'],
    ['/', 'https://app.example.com/'],
    ['/settings?tab=accounts#top', 'https://app.example.com/settings?tab=accounts#top'],
    ['/a/../b', 'https://app.example.com/b'],
    ['/@alice.example.com', 'https://app.example.com/@alice.example.com'],
    ['/x//evil.example', 'https://app.example.com/x//evil.example'],
    ['https://app.example.com/settings', 'https://app.example.com/settings'],
    ['https://auth.example.com/', 'https://auth.example.com/'],
    ['https://other.example.com/a?b=c', 'https://other.example.com/a?b=c'],
  ])('takes %j', (returnTo, url) => {
    expect(resolveReturnTo({ returnTo, config, binding: cookie })).toBe(url)
  })

  it.each([
    '',
    'settings',
    'https://evil.example',
    'https://app.example.com.evil.example/',
    'https://app.example.com@evil.example/',
    'https://user@app.example.com/',
    'http://app.example.com/',
    'https://links.example.com/done',
    'com.example.app:/signed-in',
    `/${'x'.repeat(2048)}`,
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/a\\..\\..\\evil',
    'javascript:alert(1)',
    'http://127.0.0.1:9999/done',
    '///evil.example',
    ' //evil.example',
  ])('refuses %j from a browser', (returnTo) => {
    expect(() => resolveReturnTo({ returnTo, config, binding: cookie })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    )
  })

  it.each([
    'http://127.0.0.1:9999/done',
    'http://[::1]:8080/',
    'com.example.app:/signed-in',
    'https://links.example.com/done',
  ])('takes %s from a client with a challenge', (returnTo) => {
    expect(resolveReturnTo({ returnTo, config, binding: challenge })).toBe(returnTo)
  })

  it.each([
    'http://localhost:9999/',
    'https://127.0.0.1/',
    'http://127.0.0.1.evil.example/',
    'http://127.0.0.1@evil.example/',
    'http://user@127.0.0.1/',
    'http://:password@127.0.0.1/',
    'http://10.0.0.1/',
    '//127.0.0.1/',
    '/settings',
    'https://app.example.com/',
    'https://links.example.com/done?x=1',
    'com.example.app:/elsewhere',
    'javascript:alert(1)',
    null,
  ])('refuses %s even then', (returnTo) => {
    expect(() => resolveReturnTo({ returnTo, config, binding: challenge })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT' }),
    )
  })
})

it('a refusal names the loopback address to a client with a challenge, and to no browser', () => {
  const refuse = (binding: ClientBinding) => () => resolveReturnTo({ returnTo: 'nowhere', config, binding })
  expect(refuse(challenge)).toThrow(/127\.0\.0\.1.*RETURN_URLS/)
  expect(refuse(cookie)).toThrow(/a path such as \/settings/)
})

describe('withOutcome', () => {
  it('keeps what the address had, and puts the outcome before the fragment', () => {
    expect(withOutcome('https://app.example.com/a?x=1#y', { exchange_token: 't' })).toBe(
      'https://app.example.com/a?x=1&exchange_token=t#y',
    )
  })

  it('replaces an outcome that was there before', () => {
    expect(withOutcome('https://app.example.com/?auth_error=failed', { auth_error: 'expired' })).toBe(
      'https://app.example.com/?auth_error=expired',
    )
  })
})
