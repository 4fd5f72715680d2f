import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/**
 * Session tokens that were good the last time that this process saw them. They authenticate nobody: they only go on to
 * the database when their address has sent too many wrong ones, so that nobody suffers from a neighbour behind the same
 * address. Only good tokens take space here, so a flood of wrong ones pushes none out.
 */
export interface ProvenTokens {
  has(token: string): boolean
  add(token: string): void
  delete(token: string): void
}

const MAX_TOKENS = 20_000

export function createProvenTokens(): ProvenTokens {
  const hashes = new LRUCache<string, true>({ max: MAX_TOKENS })
  // The token itself is a secret, which memory need not hold for longer than its request.
  const hashOf = (token: string) => hash('sha256', token, 'base64url')
  return {
    has: (token) => hashes.get(hashOf(token)) ?? false,
    add: (token) => void hashes.set(hashOf(token), true),
    delete: (token) => void hashes.delete(hashOf(token)),
  }
}
