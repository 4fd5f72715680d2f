import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { hasRedisServer, type RedisCluster, SERVER_PASSWORD, startCluster } from '../../support/redis-servers.ts'
import { REDIS_URL } from '../../support/services.ts'
import { ephemeralStoreContract } from './ephemeral-store.contract.ts'
import { openHarness, openLoggedStore, placeOf, refusalOf } from './redis-harness.ts'

const mayRun = inject('tier') === 'full' && hasRedisServer && inject('services').redis

describe.runIf(mayRun)('the Redis store, over a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster?.close())
  const place = () => placeOf({ REDIS_URL: cluster.url })

  describe('while nothing happens', () => {
    ephemeralStoreContract(() =>
      openHarness(
        place(),
        cluster.nodes.map(({ url }) => url),
      ),
    )
  })

  it('keeps keys on every node, and counts on all of them', async () => {
    const { store, keys } = await openLoggedStore(
      place(),
      cluster.nodes.map(({ url }) => url),
    )
    const counter = store.counter({ name: 'starts', points: 1, windowMs: 60_000 })
    for (let index = 0; index < 30; index++) {
      await store.set(`key-${index}`, 'value', { ttlMs: 60_000 })
      expect(await counter.consume(`key-${index}`)).toBe(0)
      expect(await counter.consume(`key-${index}`)).toBeGreaterThan(0)
    }
    expect((await keys.dump()).split('\n')).toHaveLength(60)
    await keys.close()
    await store.close()
  })

  it.each([0, 1, 2])('says the outage of node %i once, and works again by itself when that is back', async (index) => {
    const { store, lines, works, failsSoon } = await openLoggedStore(place())
    await works()
    await cluster.nodes[index]?.kill()
    await failsSoon()
    await cluster.nodes[index]?.start()
    await works()
    await expect
      .poll(() => lines.map(({ msg }) => msg))
      .toEqual(['ephemeral store not reachable', 'ephemeral store reachable again'])
    await store.close()
  })

  it.each([0, 1, 2])('hangs no longer than an operation may take while node %i hangs', async (index) => {
    const { store, works, failsSoon } = await openLoggedStore(place())
    await works()
    cluster.nodes[index]?.freeze()
    await failsSoon()
    cluster.nodes[index]?.thaw()
    await works()
    await store.close()
  })

  it('says the outage of all nodes once, and works again by itself', async () => {
    const { store, lines, works, failsSoon } = await openLoggedStore(place())
    for (const node of cluster.nodes) await node.kill()
    await failsSoon()
    for (const node of cluster.nodes) await node.start()
    await works()
    await expect
      .poll(() => lines.map(({ msg }) => msg))
      .toEqual(['ephemeral store not reachable', 'ephemeral store reachable again'])
    await store.close()
  })

  it('does not start with a wrong password, which it does not say', async () => {
    const said = await refusalOf(placeOf({ REDIS_URL: cluster.url.replace(/:[^:]+@/, ':a-secret@') }))
    expect(said.message).toMatch(/^Redis refuses the user or the password in REDIS_URL/)
    for (const secret of ['a-secret', SERVER_PASSWORD]) expect(said.everything).not.toContain(secret)
  })

  it('does not start over a server that is no cluster', async () => {
    const { host } = new URL(REDIS_URL)
    const said = await refusalOf(placeOf({ REDIS_URL: `redis+cluster://${host}` }))
    expect(said.message).toMatch(/^The Redis in REDIS_URL is no cluster/)
  })

  it('listens elsewhere when the node that it listens to is taken out of the cluster, and lives', async () => {
    const { store, works, listensAt } = await openLoggedStore(
      place(),
      cluster.nodes.map(({ url }) => url),
    )
    await works()
    await cluster.takeOut(await listensAt())
    await works()
    await store.close()
  })
})
