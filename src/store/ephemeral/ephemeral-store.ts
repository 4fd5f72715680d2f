import type { Counter, CounterOptions } from '../../platform/limits.ts'

/**
 * Holds what may be lost: pending flows, exchange tokens, copies of refreshed grants, and messages that a session group
 * changed. Each operation touches one key, so Redis Cluster and Valkey serve as well. Every operation but `counter` and `close`
 * rejects with SERVICE_UNAVAILABLE when the store cannot be reached; null always means that the key is absent. What has
 * not expired is never removed to make space: `set` rejects with SERVICE_UNAVAILABLE when there is none.
 */
export interface EphemeralStore {
  /** Stores `value` under `key` for `ttlMs` milliseconds, and replaces the previous value. */
  set(key: string, value: string, options: { ttlMs: number }): Promise<void>
  /** Returns the value, or null if there is none or it has expired. */
  get(key: string): Promise<string | null>
  /** Removes the value, if there is one. */
  delete(key: string): Promise<void>
  /**
   * Sends a message to the current subscribers of the channel, on every replica. It is not kept for later subscribers.
   */
  publish(channel: string, message: string): Promise<void>
  /** Calls `listener` for each message of the channel. Call the returned function to unsubscribe; it never rejects. */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>
  /**
   * Opens a counter, whose memory or keys are its own. It never rejects: while the store cannot be reached, this
   * process counts by itself.
   */
  counter(options: CounterOptions): Counter
  /** Rejects when the store cannot be reached, or has so little space left that nothing new should begin. */
  ping(): Promise<void>
  close(): Promise<void>
}
