import { hash, timingSafeEqual } from 'node:crypto'

/** The two halves of a session token: the public id that finds the session, and the secret that proves it. */
export type SessionToken = { id: string; secret: string }

const DEVELOPER_TOKEN_PREFIX = 'atgate_'
const FORM = /^(?:atgate_)?([0-9a-f]{32})\.([\w-]{43})$/

/** What is stored of a secret. The secret is random, so one round of SHA-256 is enough (no password hashing needed). */
export function hashSecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hash('sha256', secret, 'buffer'))
}

/** Whether a secret is the one that was hashed, in a time that does not depend on where they differ. */
export function secretMatches(secret: string, hashed: Uint8Array): boolean {
  return timingSafeEqual(hashSecret(secret), hashed)
}

/** The text that a client holds. Developer tokens carry a prefix so that secret scanners can find leaked ones. */
export function formatSessionToken({ id, secret }: SessionToken, { developer }: { developer: boolean }): string {
  return `${developer ? DEVELOPER_TOKEN_PREFIX : ''}${id}.${secret}`
}

/** Splits a session token; null when the text does not have its form. */
export function parseSessionToken(text: string): SessionToken | null {
  const [, id, secret] = FORM.exec(text) ?? []
  return id === undefined || secret === undefined ? null : { id, secret }
}
