import { hash, timingSafeEqual } from 'node:crypto'
import { newSecret } from '../platform/random.ts'

/**
 * The parts of a token's text: the public id that finds its row, and the secret that proves it. The id is that of a
 * client token, or of the session of a developer token.
 */
export type ParsedToken = { isDeveloperToken: boolean; id: string; secret: string }

const DEVELOPER_TOKEN_PREFIX = 'atgate_'
const FORM = /^(atgate_)?([0-9a-f]{32})\.([\w-]{43})$/

/** What is stored of a secret. The secret is random, so one round of SHA-256 is enough (no password hashing needed). */
export function hashSecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash('sha256', secret, 'buffer'))
}

/** Whether a secret is the one that was hashed, in a time that does not depend on where they differ. */
export function secretMatches(secret: string, hashed: Uint8Array): boolean {
  // Through a text: a buffer that is not of Node.js's pool takes longer than the hash.
  return timingSafeEqual(Buffer.from(hash('sha256', secret, 'hex'), 'hex'), hashed)
}

/** Makes a new client token: the text that the client holds, and the hash that is stored. */
export function mintClientToken(id: string): { text: string; secretHash: Uint8Array<ArrayBuffer> } {
  const secret = newSecret()
  return { text: `${id}.${secret}`, secretHash: hashSecret(secret) }
}

/** Makes a new developer token. Its prefix lets secret scanners find leaked ones. */
export function mintDeveloperToken(sessionId: string): { text: string; secretHash: Uint8Array<ArrayBuffer> } {
  const { text, secretHash } = mintClientToken(sessionId)
  return { text: `${DEVELOPER_TOKEN_PREFIX}${text}`, secretHash }
}

/** Splits a token; null when the text does not have the form of one. */
export function parseToken(text: string): ParsedToken | null {
  const [, prefix, id, secret] = FORM.exec(text) ?? []
  if (id === undefined || secret === undefined) return null
  return { isDeveloperToken: prefix !== undefined, id, secret }
}
