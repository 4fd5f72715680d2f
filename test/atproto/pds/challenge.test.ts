import { expect, it } from 'vitest'
import { challengeOf } from '../../../src/atproto/pds/challenge.ts'

const answer = (header: string, statusCode = 401) => ({ statusCode, headers: { 'www-authenticate': header } })

it.each([
  ['DPoP algs="ES256 ES256K", error="use_dpop_nonce", error_description="nonce mismatch"', 'use_dpop_nonce'],
  ['DPoP error=use_dpop_nonce', 'use_dpop_nonce'],
  ['DPoP error="invalid_token"', 'invalid_token'],
  ['Bearer realm="x", error="invalid_token"', 'invalid_token'],
  ['DPoP error="invalid_token_of_mine"', null],
  ['DPoP error="insufficient_scope"', null],
  ['Basic error="invalid_token"', null],
  ['', null],
])('reads %s as %s', (header, challenge) => {
  expect(challengeOf(answer(header))).toBe(challenge)
})

it('is in a 401 only', () => {
  expect(challengeOf(answer('DPoP error="invalid_token"', 403))).toBeNull()
  expect(challengeOf({ statusCode: 401, headers: {} })).toBeNull()
})
