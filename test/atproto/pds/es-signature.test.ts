import { generateKeyPairSync, verify } from 'node:crypto'
import { expect, it } from 'vitest'
import { signEs } from '../../../src/atproto/pds/es-signature.ts'

// Numbers with a zero before them, and with one too few, are frequent enough to be among a thousand.
it.each(['P-256', 'secp256k1'])('signs in the form of JWS with a key on %s', (namedCurve) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  for (let number = 0; number < 1000; number++) {
    const [text, signature] = [`text ${number}`, signEs(privateKey, `text ${number}`)]
    expect(signature).toHaveLength(64)
    const isValid = verify('sha256', Buffer.from(text), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    if (!isValid) expect.fail(`not valid: ${signature.toString('hex')}`)
  }
})
