import { createPrivateKey, hash, type JsonWebKey, type KeyObject, randomUUID } from 'node:crypto'
import { type Grant, GrantUnreadable } from '../grants/grant.ts'
import { signEs } from './es-signature.ts'

type Jwk = Grant['dpopJwk']

/** The request that a proof is for. */
export type ProvenRequest = { method: string; url: string; accessToken: string; nonce: string | undefined }

/** Signs DPoP proofs for requests to resource servers (RFC 9449 §4.2). */
export interface DpopProofs {
  /**
   * Proves that the request comes from who holds the key.
   * @param request `url`: without query and fragment
   * @throws GrantUnreadable when the key is of another kind
   */
  sign(key: Jwk, request: ProvenRequest): string
}

type SigningKey = { key: KeyObject; header: string }

/** By the curve of the key. New grants have P-256; those from before this gateway chose have secp256k1. */
const ALGORITHMS = new Map<unknown, string>([
  ['P-256', 'ES256'],
  ['secp256k1', 'ES256K'],
])

/** Keys are imported once: that takes longer than a signature. They are forgotten with the grants that hold them. */
export function createDpopProofs(): DpopProofs {
  const imported = new WeakMap<Jwk, SigningKey>()

  function signingKey(jwk: Jwk): SigningKey {
    const known = imported.get(jwk)
    if (known !== undefined) return known
    const fresh = importKey(jwk)
    imported.set(jwk, fresh)
    return fresh
  }

  return {
    sign(jwk, { method, url, accessToken, nonce }) {
      const { key, header } = signingKey(jwk)
      const claims = encoded({
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: Math.floor(Date.now() / 1000),
        ath: hash('sha256', accessToken, 'base64url'),
        nonce,
      })
      const signed = `${header}.${claims}`
      return `${signed}.${signEs(key, signed).toString('base64url')}`
    },
  }
}

function importKey(jwk: Jwk): SigningKey {
  const { kty, crv, x, y } = jwk as Record<string, unknown>
  const alg = ALGORITHMS.get(crv)
  if (kty !== 'EC' || alg === undefined) throw new GrantUnreadable(`a DPoP key on ${String(crv)}`)
  const header = encoded({ typ: 'dpop+jwt', alg, jwk: { kty, crv, x, y } })
  return { key: createPrivateKey({ format: 'jwk', key: jwk as JsonWebKey }), header }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
