import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, it, onTestFinished, type TestContext } from 'vitest'
import { StartError } from '../../../src/platform/start-error.ts'
import type { EphemeralStore } from '../../../src/store/ephemeral/ephemeral-store.ts'
import { createRedisStore } from '../../../src/store/ephemeral/redis-store.ts'
import { openRedisKeys } from '../../support/redis-keys.ts'
import { REDIS_URL } from '../../support/services.ts'
import { proxyUrl } from '../../support/tcp-proxy.ts'
import { ephemeralStoreContract } from './ephemeral-store.contract.ts'
import { openHarness } from './redis-harness.ts'

const unavailable = { code: 'SERVICE_UNAVAILABLE' }
const TTL = { ttlMs: 60_000 }
const PLACE = { kind: 'server', url: REDIS_URL } as const
const newPrefix = () => `atgate-test:${randomUUID()}:`

describe.skipIf(!inject('services').redis)('the Redis store', () => {
  ephemeralStoreContract(() => openHarness(PLACE, [REDIS_URL]))

  it('shares a server with others of another prefix', async () => {
    const [one, two] = [await open(onTestFinished), await open(onTestFinished)]
    await one.store.set('key', 'value', TTL)
    expect(await two.store.get('key')).toBeNull()

    const heard: string[] = []
    await two.store.subscribe('channel', (message) => heard.push(message))
    await one.store.publish('channel', 'for others')
    await two.store.publish('channel', 'for us')
    await expect.poll(() => heard).toEqual(['for us'])
  })

  it('keeps the password out of the log', async () => {
    const url = new URL(REDIS_URL)
    url.username = 'nobody'
    url.password = 'the-password'
    const lines: string[] = []
    const logger = pino({}, { write: (line: string) => void lines.push(line) })
    const refused = await createRedisStore({ place: { kind: 'server', url: url.href }, logger }).catch(
      (error: unknown) => error,
    )
    expect(refused).toBeInstanceOf(StartError)
    expect(refused).toMatchObject({ cause: { message: expect.stringContaining('WRONGPASS') } })
    expect([...lines, inspect(refused)].join()).not.toContain('the-password')
  })
})

describe.skipIf(!inject('services').redis).concurrent('the Redis store, while Redis is away', () => {
  it('says SERVICE_UNAVAILABLE soon, and heals by itself, subscriptions too', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store, lines } = await open(onTestFinished, url)
    const heard: string[] = []
    await store.subscribe('channel', (message) => heard.push(message))
    await store.set('key', 'value', TTL)

    proxy.cut()
    const startedAt = performance.now()
    for (const ask of operations(store)) await expect(ask()).rejects.toMatchObject(unavailable)
    expect(performance.now() - startedAt).toBeLessThan(3000)
    await expect.poll(() => lines.join(), { timeout: 5000 }).toContain('not reachable')

    proxy.restore()
    await expect.poll(() => store.get('key').catch(String), { timeout: 5000 }).toBe('value')
    await expect.poll(() => hears(store, heard), { timeout: 5000 }).toContain('message')
    expect(lines.filter((line) => line.includes('not reachable'))).toHaveLength(1)
    expect(lines.filter((line) => line.includes('reachable again'))).toHaveLength(1)
  })

  it('does so too when Redis goes away without a word', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store } = await open(onTestFinished, url)
    const heard: string[] = []
    await store.subscribe('channel', (message) => heard.push(message))
    await store.set('key', 'value', TTL)

    proxy.strand()
    const startedAt = performance.now()
    await Promise.all(operations(store).map((ask) => expect(ask()).rejects.toMatchObject(unavailable)))
    expect(performance.now() - startedAt).toBeLessThan(3000)
    await expect.poll(() => store.get('key').catch(String), { timeout: 5000 }).toBe('value')
    await expect.poll(() => hears(store, heard), { timeout: 10_000 }).toContain('message')
  })

  it('forgets a channel that was left meanwhile, and keeps the others', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store, client, keyPrefix } = await open(onTestFinished, url)
    const listening = async () => ((await client.pubsub('CHANNELS', `${keyPrefix}*`)) as string[]).toSorted()
    const heard: string[] = []
    await store.subscribe('channel', (message) => heard.push(message))
    const leave = [await store.subscribe('cut', () => undefined), await store.subscribe('stalled', () => undefined)]
    expect(await listening()).toHaveLength(3)

    proxy.cut()
    await leave[0]?.()
    await expect(store.subscribe('refused', () => undefined)).rejects.toMatchObject(unavailable)
    proxy.restore()
    await expect.poll(() => hears(store, heard).catch(String), { timeout: 5000 }).toContain('message')
    await expect.poll(listening).toEqual([`${keyPrefix}channel`, `${keyPrefix}stalled`])

    proxy.stall()
    await leave[1]?.()
    await expect(store.subscribe('refused', () => undefined)).rejects.toMatchObject(unavailable)
    proxy.restore()
    heard.length = 0
    await expect.poll(() => hears(store, heard).catch(String), { timeout: 10_000 }).toContain('message')
    await expect.poll(listening, { timeout: 10_000 }).toEqual([`${keyPrefix}channel`])
  })

  it('refuses to listen, also to a channel that others listen to', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store } = await open(onTestFinished, url)
    const heard: string[] = []
    await store.subscribe('channel', (message) => heard.push(message))
    proxy.cut()
    await expect
      .poll(() =>
        store
          .subscribe('channel', () => undefined)
          .then(
            () => 'listens',
            (error) => error.code,
          ),
      )
      .toBe('SERVICE_UNAVAILABLE')
    proxy.restore()
    await expect.poll(() => hears(store, heard).catch(String), { timeout: 5000 }).toContain('message')
  })

  it('counts for all replicas, and each by itself while Redis is away', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store, client, keyPrefix } = await open(onTestFinished, url)
    const other = await createRedisStore({ place: PLACE, keyPrefix, logger: pino({ level: 'silent' }) })
    onTestFinished(() => other.close())
    const options = { name: 'starts', points: 3, windowMs: 60_000 }
    const [counter, replica] = [store.counter(options), other.counter(options)]
    for (const each of [counter, replica, replica]) expect(await each.consume('key')).toBe(0)
    expect(await counter.consume('key')).toBeGreaterThan(0)
    expect(await client.pttl(`${keyPrefix}limit:starts:key`)).toBeGreaterThan(50_000)

    proxy.cut()
    for (let times = 0; times < 3; times++) expect(await counter.consume('key')).toBe(0)
    expect(await counter.consume('key')).toBeGreaterThan(0)
    expect(await counter.consume('other')).toBe(0)

    proxy.restore()
    await expect.poll(() => store.ping().then(() => 'there', String), { timeout: 5000 }).toBe('there')
    await client.del(`${keyPrefix}limit:starts:key`)
    expect(await counter.consume('key')).toBe(0)
  })

  it('counts by itself while Redis says nothing', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    const { store } = await open(onTestFinished, url)
    const counter = store.counter({ name: 'starts', points: 1, windowMs: 60_000 })
    proxy.stall()
    expect(await counter.consume('key')).toBe(0)
    expect(await counter.consume('key')).toBeGreaterThan(0)
  })

  it('starts all the same, and works once Redis is there', async ({ expect, onTestFinished }) => {
    const { proxy, url } = await openProxy(onTestFinished)
    proxy.cut()
    const { store } = await open(onTestFinished, url)
    for (const ask of operations(store)) await expect(ask()).rejects.toMatchObject(unavailable)
    proxy.restore()
    await expect.poll(() => store.ping().then(() => 'there', String), { timeout: 5000 }).toBe('there')
  })
})

/** Everything that can be asked of a store. */
const operations = (store: EphemeralStore) => [
  () => store.get('key'),
  () => store.delete('no such key'),
  () => store.set('other', 'x', TTL),
  () => store.publish('channel', 'x'),
  () => store.ping(),
]

async function hears(store: EphemeralStore, heard: readonly string[]): Promise<readonly string[]> {
  await store.publish('channel', 'message')
  return heard
}

async function openProxy(atEnd: TestContext['onTestFinished']) {
  const proxied = await proxyUrl(REDIS_URL, 6379)
  atEnd(() => proxied.proxy.close())
  return proxied
}

/** A store with a prefix, a log and a plain client of its own; all of it gone when the test is over. */
async function open(atEnd: TestContext['onTestFinished'], url = REDIS_URL) {
  const keyPrefix = newPrefix()
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const client = new Redis(REDIS_URL)
  const keys = openRedisKeys(keyPrefix)
  const store = await createRedisStore({ place: { kind: 'server', url }, keyPrefix, logger })
  atEnd(async () => {
    await store.close()
    await keys.close()
    client.disconnect()
  })
  return { store, client, keyPrefix, lines }
}
