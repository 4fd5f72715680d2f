import { SECOND } from '../../platform/clock.ts'
import type { EphemeralStore } from '../../store/ephemeral/ephemeral-store.ts'

export type GrantLocks = Pick<EphemeralStore, 'withLock'>

// A holder that died blocks its grant no longer than this; the library gives a refresh 30 s.
const LOCK = { ttlMs: 45 * SECOND, waitMs: 35 * SECOND }

/**
 * Runs `work` while no other replica uses the refresh token of the grant: one that is used twice ends its grant.
 * @throws GatewayError SERVICE_UNAVAILABLE when the lock is not free in time
 */
export function withGrantLock<T>(locks: GrantLocks, id: string, work: () => Promise<T>): Promise<T> {
  return locks.withLock(`grant:${id}`, LOCK, work)
}
