import { LRUCache } from 'lru-cache'
import { type Clock, MINUTE, SECOND } from './clock.ts'
import { GatewayError } from './errors.ts'
import { flatCopy } from './flat-copy.ts'
import type { Logger } from './logger.ts'

/** How often a minute something may happen. The setting RATE_LIMITS replaces single numbers. */
export const DEFAULT_RATE_LIMITS = {
  /** Sign-ins and other flows that one address starts, or is asked about: each looks an account up at other servers. */
  starts: 60,
  /** Exchange tokens, session tokens and callbacks of one address that are wrong: each costs a look-up in a store. */
  failures: 100,
  /** Flows that one session starts, from whatever addresses. */
  sessionStarts: 30,
  /** Authorization requests that are pushed to one server, for whomever: the gateway is no tool to flood it. */
  pushes: 300,
}

/** The limits that can be set. */
export type RateLimits = Readonly<Record<keyof typeof DEFAULT_RATE_LIMITS, number>>

/**
 * Numbers that follow from others. Without them a handful of addresses could use up the pushes to a large server, and
 * nobody could sign in there: so those that an address repeats have a third of them, and the others are for its first
 * ones.
 */
function withDerived(rateLimits: RateLimits) {
  return { ...rateLimits, firstPushes: 3, repeatedPushes: Math.ceil(rateLimits.pushes / 3) }
}

export type LimitName = keyof ReturnType<typeof withDerived>

const TOO_MANY_PUSHES = 'Too many sign-ins were started at the server of this account.'

/** What the client is told. The seconds until it may try again follow. */
const MESSAGES: Readonly<Record<LimitName, string>> = {
  starts: 'Too many sign-ins were started from this address.',
  failures: 'Too many tokens that are not valid came from this address.',
  sessionStarts: 'Too many authorizations were started from this session.',
  pushes: TOO_MANY_PUSHES,
  firstPushes: TOO_MANY_PUSHES,
  repeatedPushes: TOO_MANY_PUSHES,
}

/** Counts per key, in windows that begin with the first count. */
export interface Counter {
  /**
   * Counts one.
   * @returns the milliseconds until the window ends if that was one too many, else 0
   */
  consume(key: string): Promise<number>
}

export type CounterOptions = { name: string; points: number; windowMs: number }

/** How often something may happen, per key. */
export interface Limit {
  /**
   * Counts one.
   * @throws GatewayError RATE_LIMITED if that is one too many
   */
  consume(key: string): Promise<void>
  /** Counts one. Returns whether it was not too many. */
  tryConsume(key: string): Promise<boolean>
  /**
   * Counts nothing and asks no store: by what this process remembers of keys that went past the limit.
   * @throws GatewayError RATE_LIMITED
   */
  requireBelow(key: string): void
  /** Whether `requireBelow` throws. */
  isReached(key: string): boolean
}

export type Limits = Readonly<Record<LimitName, Limit>>

type Parts = {
  /** Null where limits are off. */
  rateLimits: RateLimits | null
  openCounter(options: CounterOptions): Counter
  clock: Clock
  logger: Pick<Logger, 'info'>
}

export function createLimits({ rateLimits, ...parts }: Parts): Limits {
  const numbers = Object.entries(withDerived(rateLimits ?? DEFAULT_RATE_LIMITS)) as [LimitName, number][]
  const limits = numbers.map(([name, points]) => [
    name,
    rateLimits === null ? UNLIMITED : createLimit(name, points, parts),
  ])
  return Object.fromEntries(limits) as Limits
}

const UNLIMITED: Limit = {
  consume: async () => undefined,
  tryConsume: async () => true,
  requireBelow: () => undefined,
  isReached: () => false,
}

/** How many keys past the limit are remembered. Those that are forgotten are counted by the store all the same. */
const MAX_REFUSED = 10_000

function createLimit(
  name: LimitName,
  points: number,
  { openCounter, clock, logger }: Omit<Parts, 'rateLimits'>,
): Limit {
  const counter = openCounter({ name, points, windowMs: MINUTE })
  // Until when a key is refused, so that a flood does not reach the store.
  const refused = new LRUCache<string, number>({ max: MAX_REFUSED })

  const refusedFor = (key: string) => Math.max((refused.get(key) ?? 0) - clock(), 0)

  /** Counts one. Returns the milliseconds to wait if that was one too many, else 0. */
  async function count(key: string): Promise<number> {
    const known = refusedFor(key)
    if (known > 0) return known
    const kept = flatCopy(key)
    const waitMs = await counter.consume(kept)
    if (waitMs > 0) refused.set(kept, clock() + waitMs)
    if (waitMs > 0) logger.info({ limit: name, key, waitMs }, 'rate limit reached')
    return waitMs
  }

  function requireNoWait(waitMs: number): void {
    if (waitMs > 0) throw rateLimited(name, waitMs)
  }

  return {
    consume: async (key) => requireNoWait(await count(key)),
    tryConsume: async (key) => (await count(key)) === 0,
    requireBelow: (key) => requireNoWait(refusedFor(key)),
    isReached: (key) => refusedFor(key) > 0,
  }
}

function rateLimited(name: LimitName, waitMs: number): GatewayError {
  const retryAfter = Math.ceil(waitMs / SECOND)
  const message = `${MESSAGES[name]} Try again in ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}.`
  return new GatewayError('RATE_LIMITED', message, { retryAfter })
}
