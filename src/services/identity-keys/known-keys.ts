import type { Clock } from '../../platform/clock.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import { createSingleFlight } from '../../platform/single-flight.ts'
import type { IdentityKey } from './identity-key.ts'
import { READ_EVERY, TRUSTED_IN_OUTAGE } from './lifetime.ts'

/** What a process knows of the keys: read once a minute, and once for callers that ask together. */
export interface KnownKeys {
  /**
   * The keys, a minute old at most, or some minutes while the database is away.
   * @throws StoreUnavailable
   */
  get(): Promise<readonly IdentityKey[]>
  /** Reads them now. */
  refresh(): Promise<readonly IdentityKey[]>
}

export function createKnownKeys(read: () => Promise<readonly IdentityKey[]>, clock: Clock): KnownKeys {
  const reads = createSingleFlight<readonly IdentityKey[]>()
  let known: { keys: readonly IdentityKey[]; readAt: number } | null = null

  async function readNow(): Promise<readonly IdentityKey[]> {
    const readAt = clock()
    const keys = await read()
    known = { keys, readAt }
    return keys
  }

  return {
    refresh: () => reads.run('', readNow),

    async get() {
      const before = known
      const age = before === null ? Number.POSITIVE_INFINITY : Math.abs(clock() - before.readAt)
      if (before !== null && age < READ_EVERY) return before.keys
      try {
        return await reads.run('', readNow)
      } catch (error) {
        if (before !== null && age < TRUSTED_IN_OUTAGE && error instanceof StoreUnavailable) return before.keys
        throw error
      }
    },
  }
}
