import { beforeEach, describe, expect, it } from 'vitest'
import type { FetchPermissionSet } from '../../../src/atproto/scopes/fetch-permission-set.ts'
import { createPermissionSets } from '../../../src/atproto/scopes/permission-sets.ts'
import { newId } from '../../../src/platform/random.ts'
import { aPermissionSet, writes } from '../../support/permission-sets.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const MINUTE = 60_000

describe('permission sets', () => {
  let gateway: UnitGateway
  let nsid: string
  let fetched: number
  /** What is published now; null while nobody can be reached. */
  let published: ReturnType<typeof aPermissionSet> | null
  let closing: AbortController
  /** Holds what is fetched back until it resolves. */
  let held: Promise<void> | undefined

  const version = (collection: string) => aPermissionSet(nsid, { title: 'T\0', permissions: [writes([collection])] })

  beforeEach(async () => {
    gateway = await openUnitGateway()
    nsid = `app.sets.auth${newId().replace(/[^a-zA-Z]/g, '')}`
    fetched = 0
    held = undefined
    published = version('app.sets.one')
    closing = new AbortController()
  })

  const fetchSet: FetchPermissionSet = async (asked) => {
    fetched++
    await held
    if (published === null || asked !== nsid) throw new Error('nobody answers')
    return { ...published, did: 'did:web:publisher.test', cid: 'bafyreib' }
  }

  async function open(parts: Partial<{ fetchSet: FetchPermissionSet }> = {}, load = true) {
    const { stores, clock, runtime } = gateway
    const { logger } = runtime
    const given = { db: stores.db, fetchSet, clock, logger, closing: closing.signal, ...parts }
    const sets = createPermissionSets(given, [nsid])
    if (load) await sets.load()
    return sets
  }

  it('are fetched at the start, and asked for without waiting', async () => {
    let release: () => void = () => undefined
    held = new Promise((resolve) => {
      release = resolve
    })
    const sets = await open()
    expect(sets.find(nsid)).toBeNull()
    expect(sets.find(nsid)).toBeNull()
    release()
    await sets.settle()
    expect(sets.find(nsid)).toEqual({ nsid, definition: version('app.sets.one').definition })
    // Everybody shared the one request.
    expect(fetched).toBe(1)
  })

  it('are fetched again after ten minutes when somebody asks, and not before', async () => {
    const sets = await open()
    await sets.settle()
    const before = sets.find(nsid)
    published = version('app.sets.two')
    gateway.clock.advance(9 * MINUTE)
    sets.find(nsid)
    await sets.settle()
    expect(sets.find(nsid)).toBe(before)
    gateway.clock.advance(MINUTE)
    expect(sets.find(nsid)).toBe(before)
    await sets.settle()
    expect(sets.find(nsid)?.definition).toEqual(version('app.sets.two').definition)
    expect(fetched).toBe(2)
  })

  it('that have not changed stay what they are, with what was expanded of them', async () => {
    const sets = await open()
    await sets.settle()
    const before = sets.find(nsid)
    gateway.clock.advance(10 * MINUTE)
    sets.find(nsid)
    await sets.settle()
    expect(fetched).toBe(2)
    expect(sets.find(nsid)).toBe(before)
  })

  it('that cannot be fetched now are taken as last seen, also after a restart; and are tried again in a minute', async () => {
    await (await open()).settle()
    published = null
    const restarted = await open()
    expect(restarted.find(nsid)?.definition).toEqual(version('app.sets.one').definition)
    await restarted.settle()
    expect(restarted.find(nsid)?.definition).toEqual(version('app.sets.one').definition)
    expect(fetched).toBe(2)
    published = version('app.sets.two')
    gateway.clock.advance(MINUTE)
    restarted.find(nsid)
    await restarted.settle()
    expect(restarted.find(nsid)?.definition).toEqual(version('app.sets.two').definition)
  })

  it('that another replica has seen later are taken from it', async () => {
    const cutOff = await open({ fetchSet: () => Promise.reject(new Error('no way out')) })
    await cutOff.settle()
    expect(cutOff.find(nsid)).toBeNull()
    await (await open()).settle()
    gateway.clock.advance(MINUTE)
    cutOff.find(nsid)
    await cutOff.settle()
    expect(cutOff.find(nsid)?.definition).toEqual(version('app.sets.one').definition)
  })

  it('that nobody declares are never looked up', async () => {
    const sets = await open()
    await sets.settle()
    expect(sets.find('app.elsewhere.authFull')).toBeNull()
    await sets.settle()
    expect(fetched).toBe(1)
  })

  it('do not keep a process from ending', async () => {
    held = new Promise(() => undefined)
    const sets = await open()
    closing.abort()
    await sets.settle()
    expect(gateway.logLines.join()).not.toContain('not fetched')
  })

  it('that are stored in another form than this release knows are passed over', async () => {
    const row = { nsid, did: 'did:web:a.test', cid: 'x', fetchedAt: new Date(gateway.clock()) }
    await gateway.stores.db.permissionSet.create({ data: { ...row, definition: '{"type":"other"}' } })
    published = null
    const sets = await open()
    await sets.settle()
    expect(sets.find(nsid)).toBeNull()
    expect(gateway.logLines.join()).toContain('not understood')
  })
})
