import { Resolver } from 'node:dns/promises'
import { isAtprotoDid } from '@atproto/oauth-client-node'
import type { NSID } from '@atproto/syntax'
import { SECOND } from '../../platform/clock.ts'

type AtprotoDid = `did:plc:${string}` | `did:web:${string}`

/**
 * Finds the repository that publishes the lexicons of an NSID's namespace.
 * @throws Error when none is named, several are, or DNS does not answer in time
 */
export type FindAuthority = (nsid: Pick<NSID, 'authority'>) => Promise<AtprotoDid>

const TIMEOUT = 5 * SECOND

/**
 * The authority by DNS (Lexicon, "Lexicon Resolution"): a TXT record `did=…` of `_lexicon.example.app` for
 * `app.example.post`. Bounded in time, which a look-up by the resolver library is not.
 * @param servers the name servers as `address:port`; by default those of the system
 * @param timeoutMs tests set a shorter one
 */
export function authorityByDns({
  servers,
  timeoutMs = TIMEOUT,
}: {
  servers?: string[]
  timeoutMs?: number
} = {}): FindAuthority {
  return async ({ authority }) => {
    // One of its own for each look-up: `cancel` ends all look-ups of a resolver.
    const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 2), tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const timer = setTimeout(() => resolver.cancel(), timeoutMs)
    try {
      const records = await resolver.resolveTxt(`_lexicon.${authority}`)
      return didOf(records.map((chunks) => chunks.join('')))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The same repository for every namespace: for networks without DNS. */
export function fixedAuthority(did: string): FindAuthority {
  return async () => requireAtprotoDid(did)
}

function didOf(records: readonly string[]): AtprotoDid {
  const [did, ...others] = records.filter((text) => text.startsWith('did=')).map((text) => text.slice('did='.length))
  if (did === undefined || others.length > 0) throw new Error(`${others.length + (did ? 1 : 0)} DIDs in DNS, not one`)
  return requireAtprotoDid(did)
}

function requireAtprotoDid(did: string): AtprotoDid {
  if (!isAtprotoDid(did)) throw new Error(`${did} is no DID of atproto`)
  return did
}
