import { LRUCache } from 'lru-cache'

/** The newest DPoP nonce of each resource server (RFC 9449 §8.2). */
export interface Nonces {
  of(origin: string): string | undefined
  /** Remembers the nonce that an answer carries, if it carries one. */
  note(origin: string, header: string | string[] | undefined): void
  /** Whether the nonce came so recently that the server still takes it. */
  isFresh(origin: string): boolean
}

/** In milliseconds. Servers take a nonce for some minutes; the reference server for two to three. */
const FRESH = 60_000

const MAX_ORIGINS = 10_000

/** RFC 9449 §8.1, and a bound: servers use some dozens of characters. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/

/** @param now a monotonic clock, in milliseconds */
export function createNonces(now: () => number = () => performance.now()): Nonces {
  const nonces = new LRUCache<string, { nonce: string; at: number }>({ max: MAX_ORIGINS })
  return {
    of: (origin) => nonces.get(origin)?.nonce,
    note(origin, header) {
      if (typeof header === 'string' && NONCE.test(header)) nonces.set(origin, { nonce: header, at: now() })
    },
    isFresh(origin) {
      const known = nonces.get(origin)
      return known !== undefined && now() - known.at < FRESH
    },
  }
}
