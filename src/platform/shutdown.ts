import { SECOND } from './clock.ts'

/** How long each step of a shutdown may take, in milliseconds. They come one after another. */
export type ShutdownTimes = {
  /** The process answers as before, but says that it is not ready, so that load balancers turn away. */
  leaving: number
  /** Requests under way are finished. */
  requests: number
  /** Grants whose revocation is under way. The next process finds those that are left. */
  revocations: number
  /** After this, the process exits whatever it waits for: less than a quarter is left for closing the stores. */
  all: number
}

/** Shares out the seconds in which the process must have ended. */
export function shutdownTimes(seconds: number): ShutdownTimes {
  const all = seconds * SECOND
  return { leaving: 0.3 * all, requests: 0.4 * all, revocations: 0.1 * all, all }
}
