import { hash } from 'node:crypto'
import { JoseKey } from '@atproto/oauth-client-node'
import { EmbeddedJWK, jwtVerify } from 'jose'
import { expect, it } from 'vitest'
import { type Grant, GrantUnreadable } from '../../../src/atproto/grants/grant.ts'
import { createDpopProofs } from '../../../src/atproto/pds/dpop-proof.ts'

const REQUEST = { method: 'POST', url: 'https://pds.test/xrpc/a.b.c', accessToken: 'token', nonce: 'nonce' }

const newKey = async (alg: string) => (await JoseKey.generate([alg])).privateJwk as Grant['dpopJwk']

it('proves a request by the key of the grant, without telling it', async () => {
  const jwk = await newKey('ES256')
  const proof = createDpopProofs().sign(jwk, REQUEST)
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', maxTokenAge: 10 })
  const { kty, crv, x, y } = jwk as unknown as Record<string, string>
  expect(protectedHeader).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
  expect(payload).toEqual({
    jti: expect.stringMatching(/^.{36}$/),
    htm: 'POST',
    htu: REQUEST.url,
    iat: expect.any(Number),
    ath: hash('sha256', 'token', 'base64url'),
    nonce: 'nonce',
  })
})

it('makes each proof another one, and leaves out a nonce that is not known', async () => {
  const proofs = createDpopProofs()
  const jwk = await newKey('ES256')
  const [first, second] = await Promise.all(
    [1, 2].map(async () => (await jwtVerify(proofs.sign(jwk, { ...REQUEST, nonce: undefined }), EmbeddedJWK)).payload),
  )
  expect(first?.jti).not.toBe(second?.jti)
  expect(first).not.toHaveProperty('nonce')
})

it('goes on with the secp256k1 keys of older grants', async () => {
  const jwk = await newKey('ES256K')
  const proof = createDpopProofs().sign(jwk, REQUEST)
  const [header = '', claims = '', signature = ''] = proof.split('.')
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ alg: 'ES256K' })
  // Not by jose, which verifies no ES256K: by the library of the PDS.
  const key = await JoseKey.fromJWK(jwk)
  expect(Buffer.from(signature, 'base64url')).toHaveLength(64)
  await expect(
    key.verifyJwt(`${header}.${claims}.${signature}` as `${string}.${string}.${string}`),
  ).resolves.toBeDefined()
})

it('refuses a key that is none of these', () => {
  const sign = () => createDpopProofs().sign({ kty: 'OKP', crv: 'Ed25519' } as unknown as Grant['dpopJwk'], REQUEST)
  expect(sign).toThrow(GrantUnreadable)
})
