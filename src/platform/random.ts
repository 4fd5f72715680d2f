import { randomBytes } from 'node:crypto'

/** A new public id: 128 random bits in hex. */
export function newId(): string {
  return randomBytes(16).toString('hex')
}

/** A new secret: 256 random bits in base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
