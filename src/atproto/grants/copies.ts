import { DAY } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore } from '../../store/ephemeral/ephemeral-store.ts'
import { SealError, type Sealer } from '../../store/sealing/sealer.ts'
import { GrantUnreadable, type HeldGrant } from './grant.ts'
import { openGrant, type SealedGrant } from './sealed-grant.ts'

/** A copy of each grant's newest token set, for a day: a second chance where its row was not written, or was restored. */
export interface GrantCopies {
  /** Rejects when the store cannot be reached. */
  save(newest: SealedGrant): Promise<void>
  /** The copy of a grant; null when there is none that can be read. Rejects when the store cannot be reached. */
  find(grant: Pick<HeldGrant, 'id' | 'did'>): Promise<(SealedGrant & HeldGrant) | null>
  delete(id: string): Promise<void>
}

type Parts = {
  ephemeral: Pick<EphemeralStore, 'get' | 'set' | 'delete'>
  sealer: Sealer
  logger: Pick<Logger, 'warn'>
}

const LIFETIME = 1 * DAY

export function createGrantCopies({ ephemeral, sealer, logger }: Parts): GrantCopies {
  return {
    // One key a grant: whatever generation a database is restored to, the newest set is found.
    async save({ id, generation, sealed }) {
      await ephemeral.set(keyOf(id), `${generation} ${sealed}`, { ttlMs: LIFETIME })
    },

    async find({ id, did }) {
      const [, generation, sealed] = /^(\d+) (.+)$/.exec((await ephemeral.get(keyOf(id))) ?? '') ?? []
      if (generation === undefined || sealed === undefined) return null
      const copy = { id, did, generation: BigInt(generation), sealed }
      try {
        return { ...copy, grant: await openGrant(sealer, copy) }
      } catch (error) {
        if (!(error instanceof SealError || error instanceof GrantUnreadable)) throw error
        logger.warn({ err: error, grantId: id }, 'the copy of a grant cannot be read')
        return null
      }
    },

    async delete(id) {
      await ephemeral.delete(keyOf(id))
    },
  }
}

function keyOf(id: string): string {
  return `grant:${id}`
}
