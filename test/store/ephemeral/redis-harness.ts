import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect } from 'vitest'
import { type Environment, loadConfig } from '../../../src/config/config.ts'
import type { RedisPlace } from '../../../src/config/redis-place.ts'
import { StartError } from '../../../src/platform/start-error.ts'
import type { EphemeralStore } from '../../../src/store/ephemeral/ephemeral-store.ts'
import { createRedisStore } from '../../../src/store/ephemeral/redis-store.ts'
import { openRedisKeys, type RedisKeys } from '../../support/redis-keys.ts'
import type { Harness } from './ephemeral-store.contract.ts'

/** Where Redis is, read as a gateway reads it. */
export function placeOf(env: Environment): RedisPlace {
  const { redis } = loadConfig(env)
  if (redis === null) throw new Error('REDIS_URL is not set')
  return redis
}

/** Two stores for the contract. `servers` are those that have the keys. */
export async function openHarness(place: RedisPlace, servers: readonly string[]): Promise<Harness> {
  const keyPrefix = newPrefix()
  const options = { place, keyPrefix, logger: pino({ level: 'silent' }) }
  const [store, other] = await Promise.all([createRedisStore(options), createRedisStore(options)])
  const keys = openRedisKeys(keyPrefix, servers)
  return {
    store,
    other,
    advance: (ms) => keys.age(ms),
    async close() {
      await keys.close()
      await Promise.all([store.close(), other.close()])
    },
  }
}

/** A store under test, and what it has logged. */
export type LoggedStore = {
  store: EphemeralStore
  keys: RedisKeys
  lines: { msg: string }[]
  /** Waits until the store takes, gives and counts values wherever they are, and a subscriber from before hears messages. */
  works(): Promise<void>
  /** Waits until something is refused. Nothing may take longer than an operation is given. */
  failsSoon(): Promise<void>
  /** Which of the servers it listens to. */
  listensAt(): Promise<number>
}

/** As many keys as it takes for each of three nodes to have some. */
const KEYS = Array.from({ length: 20 }, (_, index) => `key-${index}`)

/** Longer than a command may take, and less than twice that. */
const SOON = 3500

/** Opens a store whose only subscriber listens from the beginning. */
export async function openLoggedStore(place: RedisPlace, servers: readonly string[] = []): Promise<LoggedStore> {
  const keyPrefix = newPrefix()
  const lines: { msg: string }[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const store = await createRedisStore({ place, keyPrefix, logger })
  const counter = store.counter({ name: 'uses', points: 1_000_000, windowMs: 60_000 })
  const heard: string[] = []
  await store.subscribe('channel', (message) => heard.push(message))

  async function useOnce(): Promise<string> {
    const text = randomUUID()
    await store.ping()
    for (const key of KEYS) {
      await store.set(key, text, { ttlMs: 60_000 })
      if ((await store.get(key)) !== text) return `${key} has another value`
      if ((await counter.consume(key)) !== 0) return `${key} is counted too often`
    }
    await store.publish('channel', text)
    await expect.poll(() => heard, { timeout: 2000 }).toContain(text)
    return 'works'
  }
  async function failures(): Promise<number> {
    const startedAt = performance.now()
    const asked = await Promise.allSettled([
      ...KEYS.map((key) => store.get(key)),
      ...KEYS.map((key) => counter.consume(key)),
      store.ping(),
      store.publish('channel', 'x'),
    ])
    expect(performance.now() - startedAt).toBeLessThan(SOON)
    const refused = asked.filter((each) => each.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    return refused.length
  }
  return {
    store,
    keys: openRedisKeys(keyPrefix, servers),
    lines,
    works: () => expect.poll(() => useOnce().catch(String), { timeout: 30_000 }).toBe('works'),
    failsSoon: () => expect.poll(failures, { timeout: 10_000 }).toBeGreaterThan(0),
    async listensAt() {
      const counts = servers.map(async (url) => {
        const redis = new Redis(url)
        const listening = (await redis.pubsub('CHANNELS', `${keyPrefix}*`)) as string[]
        redis.disconnect()
        return listening.length
      })
      return (await Promise.all(counts)).indexOf(1)
    },
  }
}

/** What is said when a store does not start: the line for the operator, and everything that can be logged. */
export async function refusalOf(place: RedisPlace): Promise<{ message: string; everything: string }> {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const refused = await createRedisStore({ place, logger }).catch((error: unknown) => error)
  if (!(refused instanceof StartError)) throw new Error('the store has started', { cause: refused })
  return { message: refused.message, everything: [...lines, inspect(refused, { depth: 9 })].join() }
}

const newPrefix = () => `atgate-test:${randomUUID()}:`
