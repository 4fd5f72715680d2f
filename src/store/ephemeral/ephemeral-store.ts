/**
 * What may be lost: pending flows, exchange tokens, locks, invalidation messages. Single-key operations only, so
 * that Redis Cluster and Valkey serve as well. Every operation rejects with SERVICE_UNAVAILABLE when the store
 * cannot be reached; "not there" is null and nothing else.
 */
export interface EphemeralStore {
  /** Keeps `value` under `key` for `ttlMs` milliseconds, replacing what was there. */
  set(key: string, value: string, options: { ttlMs: number }): Promise<void>
  /** The value, or null when there is none or it has expired. */
  get(key: string): Promise<string | null>
  /** The value, removed in the same step: of any number of callers at once, on any replica, one gets it. */
  take(key: string): Promise<string | null>
  /**
   * Runs `work` while holding the lock, and gives what it gives. Waits at most `waitMs` milliseconds for the lock, then rejects
   * with SERVICE_UNAVAILABLE. A holder that dies loses the lock after `ttlMs` milliseconds; one that works longer keeps it.
   */
  withLock<T>(key: string, options: LockOptions, work: () => Promise<T>): Promise<T>
  /** Tells every subscriber of the channel, on every replica, now. Nothing is kept for those that are not listening. */
  publish(channel: string, message: string): Promise<void>
  /** Calls `listener` for each message of the channel until the function it gives is called. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>
  /** Rejects when the store cannot be reached. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type LockOptions = { ttlMs: number; waitMs: number }
