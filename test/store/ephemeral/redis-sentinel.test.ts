import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import {
  hasRedisServer,
  SENTINEL_PASSWORD,
  SERVER_PASSWORD,
  startWatched,
  type Watched,
} from '../../support/redis-servers.ts'
import { ephemeralStoreContract } from './ephemeral-store.contract.ts'
import { openHarness, openLoggedStore, placeOf, refusalOf } from './redis-harness.ts'

const mayRun = inject('tier') === 'full' && hasRedisServer

const placeBy = ({ url }: Watched) => placeOf({ REDIS_URL: url, REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD })

describe.runIf(mayRun)('the Redis store, by Sentinel, when the master changes', () => {
  let watched: Watched
  beforeEach(async () => {
    watched = await startWatched()
  })
  afterEach(() => watched?.close())

  it('goes on with the new master when the Sentinels replace one that lives', async () => {
    const { store, works } = await openLoggedStore(placeBy(watched))
    await works()
    await watched.replaceMaster()
    await works()
    await store.close()
  })

  it('goes on with the new master when the old one hangs', async () => {
    const { store, works, failsSoon } = await openLoggedStore(placeBy(watched))
    watched.master.freeze()
    await failsSoon()
    await watched.agreeOn(watched.replica.port)
    await works()
    watched.master.thaw()
    await works()
    await store.close()
  })

  it('says the outage once when the master is gone, and works again by itself', async () => {
    const { store, keys, lines, works, failsSoon } = await openLoggedStore(placeBy(watched), [watched.replica.url])
    await store.set('key', 'value', { ttlMs: 60_000 })
    await expect.poll(() => keys.dump(), { timeout: 30_000 }).toContain('value')

    await watched.master.kill()
    await failsSoon()
    await watched.agreeOn(watched.replica.port)
    await works()
    expect(await store.get('key')).toBe('value')
    expect(lines.map(({ msg }) => msg)).toEqual(['ephemeral store not reachable', 'ephemeral store reachable again'])
    await keys.close()
    await store.close()
  })
})

describe.runIf(mayRun)('the Redis store, by Sentinel', () => {
  let watched: Watched
  beforeAll(async () => {
    watched = await startWatched()
  })
  afterAll(() => watched?.close())

  describe('while nothing happens', () => {
    ephemeralStoreContract(() => openHarness(placeBy(watched), [watched.master.url]))
  })

  it.each([
    ['a wrong password', 'a-secret', /^The Sentinels in REDIS_URL refuse the password/],
    ['no password', undefined, /^The Sentinels in REDIS_URL refuse the password, or need one/],
  ])('does not start with %s for the Sentinels, which it does not say', async (_what, password, message) => {
    const said = await refusalOf(placeOf({ REDIS_URL: watched.url, REDIS_SENTINEL_PASSWORD: password }))
    expect(said.message).toMatch(message)
    for (const secret of ['a-secret', SERVER_PASSWORD]) expect(said.everything).not.toContain(secret)
  })

  it.each([
    ['a wrong password for the servers', /:[^:]+@/, ':a-secret@', /^Redis refuses the user or the password/],
    ['another name of the master', /[^/]+$/, 'a-name', /^The Sentinels in REDIS_URL know no master of the name/],
  ])('does not start with %s, and says no password', async (_what, part, wrong, message) => {
    const REDIS_URL = watched.url.replace(part, wrong)
    const said = await refusalOf(placeOf({ REDIS_URL, REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD }))
    expect(said.message).toMatch(message)
    for (const secret of ['a-secret', SENTINEL_PASSWORD, SERVER_PASSWORD]) expect(said.everything).not.toContain(secret)
  })
})
