import { randomBytes } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../../src/platform/errors.ts'
import { createIdentityKeys } from '../../../src/services/identity-keys/identity-keys.ts'
import { replaceKeys } from '../../../src/services/identity-keys/rows.ts'
import { createSealer } from '../../../src/store/sealing/sealer.ts'
import type { PrismaClient } from '../../../src/store/sql/generated/client.ts'
import { withMembers } from '../../support/faults.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Longer than a test takes, whose clock goes on by itself. */
const SOON = 30_000

describe('the keys of identity tokens', () => {
  let gateway: UnitGateway
  let isAway: boolean

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    isAway = false
    gateway.logLines.length = 0
    await gateway.stores.db.identityKey.deleteMany()
  })

  const encryptionKey = (id: string) => ({ id, secret: randomBytes(32) })
  const k1 = encryptionKey('k1')

  /** The keys as one replica has them, which remembers nothing of what another one has read. */
  function replica(...encryptionKeys: (typeof k1)[]) {
    const { db } = gateway.stores
    const findMany = (...args: Parameters<PrismaClient['identityKey']['findMany']>) =>
      isAway ? Promise.reject(new StoreUnavailable('database', new Error('away'))) : db.identityKey.findMany(...args)
    return createIdentityKeys({
      db: withMembers(db, { identityKey: withMembers(db.identityKey, { findMany }) }),
      sealer: createSealer(encryptionKeys.length === 0 ? [k1] : encryptionKeys),
      ...gateway.runtime,
    })
  }
  type Replica = ReturnType<typeof replica>

  const rows = () => gateway.stores.db.identityKey.findMany({ orderBy: { number: 'asc' } })
  const publishedBy = async (keys: Replica) => (await keys.published()).map(({ kid }) => kid)
  const signingOf = async (keys: Replica) => (await keys.signing()).kid

  it('are made once, by whichever of the replicas that start together is first', async () => {
    const replicas = Array.from({ length: 4 }, () => replica())
    await Promise.all(replicas.map((keys) => keys.maintain()))
    const [first] = await rows()
    expect(await rows()).toHaveLength(1)
    for (const keys of replicas) {
      expect(await signingOf(keys)).toBe(first?.kid)
      expect(await publishedBy(keys)).toEqual([first?.kid])
    }
  })

  it('show nothing of their private part, neither published nor stored', async () => {
    const keys = replica()
    const [published] = await keys.published()
    expect(published).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: expect.any(String),
      y: expect.any(String),
      kid: expect.any(String),
      alg: 'ES256',
      use: 'sig',
    })
    expect(JSON.stringify(await rows())).not.toContain(published?.x)
  })

  it('follow each other every 30 days: the next one is published before it signs, the last one after', async () => {
    const keys = replica()
    await keys.maintain()
    const first = await signingOf(keys)

    gateway.clock.advance(30 * DAY - 15 * MINUTE - SOON)
    await keys.maintain()
    expect(await publishedBy(keys)).toEqual([first])

    gateway.clock.advance(SOON)
    await Promise.all([keys.maintain(), replica().maintain()])
    const [, second] = (await rows()).map(({ kid }) => kid)
    expect(await rows()).toHaveLength(2)
    expect(await publishedBy(keys)).toEqual([first, second])

    gateway.clock.advance(15 * MINUTE - SOON)
    expect(await signingOf(keys)).toBe(first)
    gateway.clock.advance(SOON)
    expect(await signingOf(keys)).toBe(second)

    gateway.clock.advance(5 * MINUTE - 2 * SOON)
    await keys.maintain()
    expect(await publishedBy(keys)).toEqual([first, second])
    gateway.clock.advance(2 * SOON)
    expect(await publishedBy(keys)).toEqual([second])
    await keys.maintain()
    expect((await rows()).map(({ kid }) => kid)).toEqual([second])
  })

  it('a replica that nobody reminds sees a new key within a minute, long before it signs', async () => {
    const [busy, idle] = [replica(), replica()]
    await signingOf(idle)
    gateway.clock.advance(30 * DAY)
    await signingOf(idle)
    await busy.maintain()
    const [, second] = (await rows()).map(({ kid }) => kid)
    gateway.clock.advance(MINUTE)
    expect(await publishedBy(idle)).toContain(second)
    expect(await signingOf(idle)).not.toBe(second)
  })

  it('are replaced at once where one has leaked: within a minute no replica publishes the old one', async () => {
    const keys = replica()
    const first = await signingOf(keys)
    await replaceKeys({ ...gateway.stores, sealer: createSealer([k1]) }, new Date(gateway.clock()))
    gateway.clock.advance(MINUTE)
    const second = await signingOf(keys)
    expect(second).not.toBe(first)
    expect(await publishedBy(keys)).toEqual([second])
  })

  it('are made anew where somebody has deleted them', async () => {
    const keys = replica()
    const first = await signingOf(keys)
    await gateway.stores.db.identityKey.deleteMany()
    gateway.clock.advance(MINUTE)
    expect(await publishedBy(keys)).toEqual([await signingOf(keys)])
    expect(await signingOf(keys)).not.toBe(first)
  })

  it('go on for five minutes without the database, and then say that it is away', async () => {
    const keys = replica()
    const first = await signingOf(keys)
    isAway = true
    gateway.clock.advance(5 * MINUTE - SOON)
    expect(await publishedBy(keys)).toEqual([first])
    gateway.clock.advance(SOON)
    await expect(keys.published()).rejects.toThrow(StoreUnavailable)
    await expect(keys.signing()).rejects.toThrow(StoreUnavailable)
    isAway = false
    expect(await publishedBy(keys)).toEqual([first])
  })

  it('are sealed anew when the encryption keys are rotated, and stay the same', async () => {
    const first = await signingOf(replica())
    const k2 = encryptionKey('k2')
    await replica(k2, k1).maintain()
    expect(await signingOf(replica(k2))).toBe(first)
    await expect(replica(k1).maintain()).rejects.toThrow('ENCRYPTION_KEYS open none of the identity keys')
  })

  it('that no encryption key opens keep the gateway from starting, and are not replaced', async () => {
    const first = await signingOf(replica())
    await expect(replica(encryptionKey('k1')).maintain()).rejects.toMatchObject({ name: 'StartError' })
    expect((await rows()).map(({ kid }) => kid)).toEqual([first])
  })

  it('a key that cannot be opened is left out, with a warning, where another one can', async () => {
    const keys = replica()
    const first = await signingOf(keys)
    const [row] = await rows()
    const other = { number: 2, kid: 'unreadable', signsFrom: new Date(gateway.clock()) }
    await gateway.stores.db.identityKey.create({ data: { ...other, sealed: String(row?.sealed) } })
    const fresh = replica()
    expect(await publishedBy(fresh)).toEqual([first])
    expect(await signingOf(fresh)).toBe(first)
    expect(gateway.logLines.filter((line) => line.includes('identity key not opened'))).not.toEqual([])
  })

  it('are read once a minute, however often they are used, and once for requests that arrive together', async () => {
    let reads = 0
    const { db } = gateway.stores
    const findMany = () => {
      reads++
      return db.identityKey.findMany({ orderBy: { number: 'asc' } })
    }
    await signingOf(replica())
    const identityKey = withMembers(db.identityKey, { findMany: findMany as never })
    const keys = createIdentityKeys({
      db: withMembers(db, { identityKey }),
      sealer: createSealer([k1]),
      ...gateway.runtime,
    })
    await Promise.all(Array.from({ length: 50 }, () => keys.signing()))
    await keys.published()
    expect(reads).toBe(1)
  })
})
