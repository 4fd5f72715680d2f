import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { flatCopy } from './flat-copy.ts'

/** A token by its parts: an id that has one secret, and that secret. */
type Token = { id: string; secret: string }

/**
 * Session tokens that were good the last time that this process saw them. They authenticate nobody: they only go on to
 * the database when their address has sent too many wrong ones, so that nobody suffers from a neighbour behind the same
 * address. Only good tokens take space here, so a flood of wrong ones pushes none out.
 */
export interface ProvenTokens {
  has(token: Token): boolean
  /** @param token one that is good */
  add(token: Token): void
  delete(token: Token): void
}

const MAX_TOKENS = 20_000

export function createProvenTokens(): ProvenTokens {
  const hashes = new LRUCache<string, string>({ max: MAX_TOKENS })
  // The secret itself memory need not hold for longer than its request.
  const hashOf = (secret: string) => hash('sha256', secret, 'base64url')
  const has = ({ id, secret }: Token) => hashes.get(id) === hashOf(secret)
  return {
    has,
    // Called at each request with a good token, and the secret of an id never changes.
    add: ({ id, secret }) => void (hashes.get(id) ?? hashes.set(flatCopy(id), hashOf(secret))),
    delete: (token) => void (has(token) && hashes.delete(token.id)),
  }
}
