import { SECOND } from './clock.ts'

/** How long each step of a shutdown may take, in milliseconds. They come one after another. */
export type ShutdownTimes = {
  /** The process answers as before, but says that it is not ready, so that load balancers turn away. */
  leaving: number
  /** Requests under way are finished. */
  requests: number
  /**
   * Grants that are being refreshed or revoked, and refreshed ones that are not stored yet. The next process finds those
   * that are to be revoked.
   */
  grants: number
  /** After this, the process exits whatever it waits for: what the steps leave is for closing the stores. */
  all: number
}

/** Shares out the seconds in which the process must have ended. */
export function shutdownTimes(seconds: number): ShutdownTimes {
  const all = seconds * SECOND
  return { leaving: 0.3 * all, requests: 0.4 * all, grants: 0.15 * all, all }
}
