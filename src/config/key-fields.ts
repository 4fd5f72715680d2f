import { z } from 'zod'
import { parseJson, refuse } from './field-text.ts'

/** One key that seals what is stored: `id` goes into the sealed text's `kid`, `secret` is 32 bytes. */
export type EncryptionKey = { id: string; secret: Uint8Array }

/** A private ES256 key of the confidential OAuth client, as a JWK (RFC 7517). */
export type OAuthPrivateKey = z.output<typeof oauthPrivateKey>

/** `id:key` pairs separated by commas; each key 32 random bytes in base64url. */
export const encryptionKeys = z.string().transform((text, context) => {
  const keys: EncryptionKey[] = []
  for (const [index, pair] of text.split(',').entries()) {
    const match = /^([\w-]{1,32}):([\w-]+)=*$/.exec(pair.trim())
    const secret = Buffer.from(match?.[2] ?? '', 'base64url')
    // The value is secret, so a mistake is reported by its position only.
    if (match?.[1] === undefined || secret.length !== 32) {
      return refuse(context, `key ${index + 1} must be an id, a colon and 32 bytes in base64url`)
    }
    if (keys.some((key) => key.id === match[1])) return refuse(context, `two keys have the id "${match[1]}"`)
    keys.push({ id: match[1], secret })
  }
  return keys
})

const coordinate = z.string().regex(/^[\w-]{43}$/)

const oauthPrivateKey = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  alg: z.literal('ES256').default('ES256'),
  kid: z.string().min(1),
  x: coordinate,
  y: coordinate,
  d: coordinate,
})

/** A JWK set of private ES256 keys, each with a `kid` of its own. */
export const oauthPrivateKeys = z.string().transform((text, context) => {
  const parsed = z.object({ keys: z.array(oauthPrivateKey).min(1) }).safeParse(parseJson(text))
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ')
    return refuse(context, `must be a JWK set of private ES256 keys with kid; wrong: ${where}`)
  }
  const ids = parsed.data.keys.map((key) => key.kid)
  if (new Set(ids).size !== ids.length) return refuse(context, 'two keys have the same kid')
  return parsed.data.keys
})
