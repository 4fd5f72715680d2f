import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose'

/** An encryption key: `id` is written into each sealed text, `secret` is 32 bytes. */
export type SealKey = { id: string; secret: Uint8Array }

/** A sealed text that does not open: its key is missing, it was sealed for another purpose, or it was altered. */
export class SealError extends Error {
  override readonly name = 'SealError'
}

/**
 * A text that was sealed with a key that this process does not have. Another replica may have it, while keys are
 * rotated.
 */
export class KeyMissing extends SealError {}

/** Encrypts what is stored. A sealed text is bound to a purpose, and opens for that purpose only. */
export interface Sealer {
  /** Seals `value` (anything JSON can hold) with the first key, bound to `purpose`. */
  seal(value: unknown, purpose: string): Promise<string>
  /**
   * Opens a sealed text with the key that sealed it.
   * @throws KeyMissing
   * @throws SealError when the purpose differs, or the text was altered
   */
  open(sealed: string, purpose: string): Promise<unknown>
  /** Whether one of the keys sealed this text, for whatever purpose. */
  isReadable(sealed: string): Promise<boolean>
  /** Whether the first key sealed this text, so that it need not be sealed anew. */
  isCurrent(sealed: string): boolean
}

/**
 * A sealer over an ordered list of keys: the first seals, all open, so that keys can be rotated. A sealed text is a
 * compact JWE (RFC 7516) with `dir` and A256GCM. Its protected header, which GCM authenticates, carries the purpose.
 * See docs/decisions/0004-sealed-at-rest.md.
 */
export function createSealer(keys: readonly SealKey[]): Sealer {
  const [first] = keys
  if (first === undefined) throw new TypeError('A sealer needs at least one key')
  const secretById = new Map(keys.map((key) => [key.id, key.secret]))
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()

  async function decrypt(sealed: string) {
    try {
      return await compactDecrypt(
        sealed,
        ({ kid }) => {
          const secret = secretById.get(kid ?? '')
          if (secret === undefined) throw new KeyMissing(`no key with the id ${JSON.stringify(kid)}`)
          return secret
        },
        { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
      )
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new SealError('altered or not a sealed text', { cause: error })
      throw error
    }
  }

  return {
    async seal(value, purpose) {
      return new CompactEncrypt(encoder.encode(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: first.id, purpose })
        .encrypt(first.secret)
    },

    async open(sealed, purpose) {
      const { plaintext, protectedHeader } = await decrypt(sealed)
      if (protectedHeader.purpose !== purpose) throw new SealError('sealed for another purpose')
      return JSON.parse(decoder.decode(plaintext))
    },

    isReadable: (sealed) =>
      decrypt(sealed).then(
        () => true,
        (error: unknown) => {
          if (error instanceof SealError) return false
          throw error
        },
      ),

    isCurrent: (sealed) => decodeProtectedHeader(sealed).kid === first.id,
  }
}
