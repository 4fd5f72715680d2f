import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { z } from 'zod'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { IdentityKey as IdentityKeyRow } from '../../store/sql/generated/client.ts'

/** The algorithm of identity tokens (RFC 7518 §3.4). */
export const ALGORITHM = 'ES256'

/** A key that signs identity tokens, ready for use. */
export type IdentityKey = Pick<IdentityKeyRow, 'number' | 'kid' | 'signsFrom'> & {
  privateKey: CryptoKey
  /** What services read (RFC 7517 §4). */
  publicJwk: PublicJwk
}

export type PublicJwk = Readonly<Pick<JWK, 'kty' | 'crv' | 'x' | 'y' | 'kid' | 'alg' | 'use'>>

const coordinate = z.string().regex(/^[\w-]{43}$/)
const privateJwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
})

/** Makes a new key, as it is stored. Its id is its thumbprint (RFC 7638), so no two keys ever have the same one. */
export async function newSealedKey(sealer: Pick<Sealer, 'seal'>): Promise<Pick<IdentityKeyRow, 'kid' | 'sealed'>> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const jwk = privateJwk.parse(await exportJWK(privateKey))
  const kid = await calculateJwkThumbprint(jwk)
  return { kid, sealed: await sealer.seal(jwk, purposeOf(kid)) }
}

/**
 * Opens a stored key. What is published follows from the sealed private key, so that somebody who can write to the
 * database cannot have a key of their own published.
 * @throws SealError
 */
export async function openKey(
  sealer: Pick<Sealer, 'open'>,
  { number, kid, sealed, signsFrom }: IdentityKeyRow,
): Promise<IdentityKey> {
  const jwk = privateJwk.parse(await sealer.open(sealed, purposeOf(kid)))
  const { kty, crv, x, y } = jwk
  return {
    number,
    kid,
    signsFrom,
    privateKey: (await importJWK(jwk, ALGORITHM)) as CryptoKey,
    publicJwk: { kty, crv, x, y, kid, alg: ALGORITHM, use: 'sig' },
  }
}

/** Seals a stored key with the first of the encryption keys. */
export async function resealed(sealer: Sealer, { kid, sealed }: IdentityKeyRow): Promise<string> {
  return sealer.seal(await sealer.open(sealed, purposeOf(kid)), purposeOf(kid))
}

function purposeOf(kid: string): string {
  return `identity_key:${kid}`
}
