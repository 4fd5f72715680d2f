import { LRUCache } from 'lru-cache'
import { MINUTE } from '../../platform/clock.ts'
import type { HeldGrant } from './grant.ts'
import { tokenHasEnded } from './token-life.ts'

/** What somebody has just read of a grant's row. */
export type KnownGrant = { generation: bigint; accessEndsAt: Date | null }

/**
 * Token sets that this process has opened, so that not every call reads and opens its grant anew. One is found by its
 * generation alone, which the caller has just read: a set that was replaced anywhere is not found.
 */
export interface OpenedGrants {
  find(id: string, known: KnownGrant | undefined): HeldGrant | undefined
  keep(held: HeldGrant): HeldGrant
}

const MAX_OPENED = 2000

/** A grant that nobody uses is not kept in memory for longer. */
const KEPT = 10 * MINUTE

export function createOpenedGrants(): OpenedGrants {
  const opened = new LRUCache<string, HeldGrant>({ max: MAX_OPENED, ttl: KEPT })
  return {
    find(id, known) {
      const held = opened.get(id)
      if (held === undefined || known === undefined || held.generation !== known.generation) return undefined
      const hasEnded = tokenHasEnded(held.grant) || (known.accessEndsAt?.getTime() ?? Infinity) <= Date.now()
      return hasEnded ? undefined : held
    },
    keep(held) {
      opened.set(held.id, held)
      return held
    },
  }
}
