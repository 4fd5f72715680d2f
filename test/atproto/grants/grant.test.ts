import { describe, expect, it } from 'vitest'
import { GrantUnreadable, parseGrant } from '../../../src/atproto/grants/grant.ts'
import { aGrant } from '../../support/builders.ts'

describe('parseGrant', () => {
  it('reads what was stored, with whatever else the library keeps in it', () => {
    const grant = aGrant()
    const stored = JSON.parse(JSON.stringify({ ...grant, tokenSet: { ...grant.tokenSet, more: 1 } }))
    expect(parseGrant(stored)).toEqual(stored)
    const confidential = { ...grant, authMethod: { method: 'private_key_jwt', kid: 'k1' } }
    expect(parseGrant(confidential)).toEqual(confidential)
  })

  it('reads one without a refresh token and without an end', () => {
    const { refresh_token, expires_at, ...tokenSet } = aGrant().tokenSet
    expect(parseGrant({ ...aGrant(), tokenSet }).tokenSet).toEqual(tokenSet)
  })

  it.each<[string, object | null, RegExp]>([
    ['nothing', null, /the whole$/],
    ['no authentication method', { ...aGrant(), authMethod: undefined }, /authMethod/],
    ['an unknown authentication method', { ...aGrant(), authMethod: { method: 'other' } }, /authMethod\.method/],
    ['a key method without its key', { ...aGrant(), authMethod: { method: 'private_key_jwt' } }, /authMethod\.kid/],
    ['no DPoP key', { ...aGrant(), dpopJwk: undefined }, /dpopJwk/],
    ['a DPoP key without its type', { ...aGrant(), dpopJwk: { crv: 'P-256' } }, /dpopJwk/],
    ['an issuer that is no URL', aGrant({ iss: 'pds' }), /tokenSet\.iss/],
    ['an account that is no DID', aGrant({ sub: 'alice' as 'did:web:alice' }), /tokenSet\.sub/],
    ['no scope', aGrant({ scope: undefined }), /tokenSet\.scope/],
    ['another token type', aGrant({ token_type: 'Bearer' as 'DPoP' }), /tokenSet\.token_type/],
    ['no access token', aGrant({ access_token: undefined }), /tokenSet\.access_token/],
  ])('refuses %s, and names it without its value', (_what, value, message) => {
    expect(() => parseGrant(value)).toThrow(GrantUnreadable)
    expect(() => parseGrant(value)).toThrow(message)
  })

  it('names all that is wrong, and no secret', () => {
    const wrong = aGrant({ iss: 'secret-1', access_token: 7 as unknown as string })
    expect(() => parseGrant(wrong)).toThrow(/^not a grant: tokenSet\.iss, tokenSet\.access_token$/)
  })
})
