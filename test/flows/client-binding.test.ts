import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  bindToChallenge,
  bindToCookie,
  isProvenBy,
  mayReturnThrough,
  newClientCookie,
} from '../../src/flows/client-binding.ts'

const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
// RFC 7636, appendix B.
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

describe('a flow bound to a cookie', () => {
  const cookie = newClientCookie()
  const binding = bindToCookie(cookie)

  it('is proven by no cookie of another length', () => {
    const binding = { kind: 'cookie', hash: 'short' } as const
    expect(mayReturnThrough(binding, newClientCookie())).toBe(false)
  })

  it('keeps no cookie, only its hash', () => {
    expect(JSON.stringify(binding)).not.toContain(cookie)
  })

  it('returns through, and is proven by, the browser that holds the cookie and no other', () => {
    expect(mayReturnThrough(binding, cookie)).toBe(true)
    expect(mayReturnThrough(binding, newClientCookie())).toBe(false)
    expect(mayReturnThrough(binding, null)).toBe(false)
    expect(isProvenBy(binding, { clientCookie: cookie, verifier: null })).toBe(true)
    expect(isProvenBy(binding, { clientCookie: newClientCookie(), verifier: cookie })).toBe(false)
    expect(isProvenBy(binding, { clientCookie: null, verifier: null })).toBe(false)
  })
})

describe('a flow bound to a challenge', () => {
  it('keeps the challenge', () => {
    expect(bindToChallenge(challenge)).toEqual({ kind: 'challenge', challenge })
  })

  it('returns through any browser, but is proven by the verifier alone', () => {
    const binding = bindToChallenge(challenge)
    expect(mayReturnThrough(binding, null)).toBe(true)
    expect(isProvenBy(binding, { clientCookie: null, verifier })).toBe(true)
    expect(isProvenBy(binding, { clientCookie: verifier, verifier: null })).toBe(false)
    expect(isProvenBy(binding, { clientCookie: null, verifier: challenge })).toBe(false)
    expect(isProvenBy(binding, { clientCookie: null, verifier: '' })).toBe(false)
  })

  it.each(['', 'short', `${challenge}=`, `${challenge}x`, hash('sha256', 'x', 'hex')])(
    'refuses %j as a challenge',
    (text) => {
      expect(() => bindToChallenge(text)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
    },
  )
})
