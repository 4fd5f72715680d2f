import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createGrantRows, GrantLost, type GrantRow, type GrantRows } from '../../../src/atproto/grants/rows.ts'
import { newId } from '../../../src/platform/random.ts'
import { SealError } from '../../../src/store/sealing/sealer.ts'
import { aGrant, aSession } from '../../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const DAY = 24 * 60 * 60 * 1000

describe('grant rows', () => {
  let gateway: UnitGateway
  let rows: GrantRows
  let confidential: GrantRows
  let now: number

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(() => {
    now = Date.UTC(2030, 0, 1)
    const { db, sealer } = gateway.stores
    const createRows = (isConfidential: boolean) =>
      createGrantRows({ db, sealer, clients: { isConfidential }, clock: () => now })
    rows = createRows(false)
    confidential = createRows(true)
  })

  const insert = (grant = aGrant(), by = rows) => gateway.stores.db.$transaction((tx) => by.insert(tx, newId(), grant))
  const find = ({ id }: GrantRow) => gateway.stores.db.grant.findUnique({ where: { id } })

  it('hold a new grant sealed, for as long as a server honours it', async () => {
    const grant = aGrant()
    const row = await insert(grant)
    expect(row).toEqual({
      id: row.id,
      did: grant.tokenSet.sub,
      issuer: grant.tokenSet.iss,
      scope: grant.tokenSet.scope,
      sealed: expect.any(String),
      expiresAt: new Date(now + 14 * DAY),
      state: 'ok',
      updatedAt: new Date(now),
    })
    expect(Buffer.from(row.sealed, 'base64url').toString('latin1')).not.toContain(grant.tokenSet.access_token)
    expect(await rows.find(row.id)).toEqual(row)
    expect(await rows.open(row)).toEqual(grant)
    expect((await insert(grant, confidential)).expiresAt).toEqual(new Date(now + 180 * DAY))
  })

  it('open a grant in its own row and for its own account alone', async () => {
    const row = await insert()
    await expect(rows.open({ ...row, id: newId() })).rejects.toThrow(SealError)
    await expect(rows.open({ ...row, did: 'did:web:bob.test' })).rejects.toThrow(SealError)
  })

  it('store what a server answered to a refresh', async () => {
    const [row, other] = [await insert(), await insert()]
    const refreshed = aGrant({ scope: 'atproto transition:email', access_token: 'newer' })
    now += DAY
    await rows.storeRefreshed(row, refreshed)
    const stored = await find(row)
    expect(stored).toMatchObject({ scope: 'atproto transition:email', updatedAt: new Date(now) })
    // A public client's grant ends when it ends.
    expect(stored?.expiresAt).toEqual(row.expiresAt)
    expect(await rows.open(stored ?? row)).toEqual(refreshed)
    expect(await find(other)).toEqual(other)

    await confidential.storeRefreshed(row, refreshed)
    expect((await find(row))?.expiresAt).toEqual(new Date(now + 180 * DAY))
  })

  it('know a lost grant, which is required no more', async () => {
    const row = await insert()
    expect(await rows.require(row.id)).toEqual(row)
    now += DAY
    await rows.markLost(row.id)
    expect(await find(row)).toEqual({ ...row, state: 'lost', updatedAt: new Date(now) })
    await expect(rows.require(row.id)).rejects.toThrow(GrantLost)
    await expect(rows.require(row.id)).rejects.toThrow(row.id)
    expect(await rows.find(row.id)).toMatchObject({ state: 'lost' })
  })

  it('have no grant that was deleted, or never was', async () => {
    const [row, other] = [await insert(), await insert()]
    await rows.delete(row.id)
    expect(await rows.find(row.id)).toBeNull()
    await expect(rows.require(row.id)).rejects.toThrow(GrantLost)
    // Neither is a failure: another process may have been first.
    await rows.delete(row.id)
    await rows.markLost(row.id)
    expect(await find(other)).toEqual(other)
  })

  it('find the grants that no session has, as many as asked for', async () => {
    await gateway.stores.db.grant.deleteMany({ where: { session: null } })
    const { session } = await aSession({ db: gateway.stores.db })
    const left = [await insert(), await insert(), await insert()]
    const found = await rows.findUnrevoked(10)
    expect(found.toSorted()).toEqual(left.map(({ id }) => id).toSorted())
    expect(found).not.toContain(session.grantId)
    expect(await rows.findUnrevoked(2)).toHaveLength(2)
  })

  it('delete those that no server honours any more, unless a session has them', async () => {
    const expired = await insert()
    const { session } = await aSession({ db: gateway.stores.db, now }, { grant: { expiresAt: new Date(now) } })
    now += 14 * DAY
    await rows.deleteExpired()
    expect(await find(expired)).not.toBeNull()
    const fresh = await insert()
    now += 1
    await rows.deleteExpired()
    expect(await find(expired)).toBeNull()
    expect(await find(fresh)).not.toBeNull()
    expect(await gateway.stores.db.grant.count({ where: { id: session.grantId } })).toBe(1)
  })
})
