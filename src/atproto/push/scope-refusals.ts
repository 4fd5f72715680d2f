import { LRUCache } from 'lru-cache'
import { type Clock, HOUR } from '../../platform/clock.ts'

/** Remembers for an hour which optional scopes an authorization server refuses, so as not to ask for them each time. */
export interface ScopeRefusals {
  /** Those of the scopes that the server refused within the last hour. */
  known(issuer: string, scopes: readonly string[]): string[]
  /** Notes what became of scopes that a server was asked for. */
  note(issuer: string, outcome: { refused: readonly string[]; taken: readonly string[] }): void
}

const REMEMBERED = 1 * HOUR
/** Anybody can run a server and have it asked. */
const MAX_SERVERS = 1000

export function createScopeRefusals(clock: Clock): ScopeRefusals {
  /** Until when each scope counts as refused, by server. There are no more scopes than the gateway declares. */
  const servers = new LRUCache<string, Map<string, number>>({ max: MAX_SERVERS })
  return {
    known(issuer, scopes) {
      const refused = servers.get(issuer)
      return refused === undefined ? [] : scopes.filter((scope) => (refused.get(scope) ?? 0) > clock())
    },
    note(issuer, { refused, taken }) {
      const known = servers.get(issuer) ?? new Map<string, number>()
      for (const scope of refused) known.set(scope, clock() + REMEMBERED)
      for (const scope of taken) known.delete(scope)
      if (known.size > 0) servers.set(issuer, known)
      else servers.delete(issuer)
    },
  }
}
