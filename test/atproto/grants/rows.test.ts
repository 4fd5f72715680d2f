import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Grant } from '../../../src/atproto/grants/grant.ts'
import type { Lease } from '../../../src/atproto/grants/leases.ts'
import { createGrantRows, GrantLost, type GrantRows } from '../../../src/atproto/grants/rows.ts'
import { openGrant, sealGrant } from '../../../src/atproto/grants/sealed-grant.ts'
import { newId } from '../../../src/platform/random.ts'
import { aGrant } from '../../support/builders.ts'
import { ageGrant } from '../../support/stored-grants.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A grant whose access token lives an hour. */
const anHourly = (tokenSet: Parameters<typeof aGrant>[0] = {}) =>
  aGrant({ expires_at: new Date(Date.now() + HOUR).toISOString(), ...tokenSet })

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

  const insert = async (grant = anHourly(), by = rows) => {
    const { id } = await gateway.stores.db.$transaction((tx) => by.insert(tx, newId(), grant))
    return rows.require(id)
  }
  const columns = (id: string) => gateway.stores.db.grant.findUniqueOrThrow({ where: { id } })
  const age = (id: string, ms: number) => ageGrant(gateway.stores.db, id, ms)
  const seal = async (row: { id: string; did: string }, grant: Grant, generation = 1n) => {
    const newer = { id: row.id, did: row.did, generation }
    return { ...newer, sealed: await sealGrant(gateway.stores.sealer, { ...newer, grant }) }
  }
  async function lease(row: { id: string; generation: bigint }): Promise<Lease> {
    const leased = await rows.lease(row)
    if (leased === null) throw new Error('not leased')
    return leased
  }
  /** How far a time of the database lies ahead, in minutes. */
  const minutesAhead = (at: Date | null) => Math.round(((at?.getTime() ?? Number.NaN) - Date.now()) / MINUTE)

  it('hold a new grant sealed, for as long as a server honours it', async () => {
    const grant = anHourly()
    const row = await insert(grant)
    const stored = await columns(row.id)
    expect(stored).toMatchObject({
      did: grant.tokenSet.sub,
      issuer: grant.tokenSet.iss,
      scope: grant.tokenSet.scope,
      expiresAt: new Date(now + 14 * DAY),
      state: 'ok',
      generation: 0n,
      leaseUntil: null,
      sentAt: null,
    })
    expect(minutesAhead(stored.refreshAfter)).toBe(48)
    expect(minutesAhead(stored.accessEndsAt)).toBe(60)
    expect(Buffer.from(row.sealed, 'base64url').toString('latin1')).not.toContain(grant.tokenSet.access_token)
    expect(await openGrant(gateway.stores.sealer, row)).toEqual(grant)
    expect((await columns((await insert(grant, confidential)).id)).expiresAt).toEqual(new Date(now + 730 * DAY))
  })

  it('say what the clock of the database says of a grant', async () => {
    const { id } = await insert()
    const judged = async () => {
      const { isDue, hasEnded, isNew } = await rows.require(id)
      return { isDue, hasEnded, isNew }
    }
    expect(await judged()).toEqual({ isDue: false, hasEnded: false, isNew: true })
    await age(id, 2 * MINUTE)
    expect(await judged()).toEqual({ isDue: false, hasEnded: false, isNew: false })
    await age(id, 47 * MINUTE)
    expect(await judged()).toEqual({ isDue: true, hasEnded: false, isNew: false })
    await age(id, 12 * MINUTE)
    expect(await judged()).toEqual({ isDue: true, hasEnded: true, isNew: false })
  })

  it('never end an access token whose server names no end, and refresh it after an hour', async () => {
    const { id } = await insert(aGrant({ expires_at: undefined }))
    expect(await columns(id)).toMatchObject({ accessEndsAt: null })
    expect(await rows.require(id)).toMatchObject({ isDue: false, hasEnded: false })
    await age(id, HOUR)
    expect(await rows.require(id)).toMatchObject({ isDue: true, hasEnded: false })
  })

  describe('a lease', () => {
    it('is had by one, until it is released or a minute has passed', async () => {
      const row = await insert()
      const first = await lease(row)
      expect(first).toMatchObject({ id: row.id, generation: 0n, sentAt: null, isUnderWay: false })
      expect(await rows.require(row.id)).toMatchObject({ isLeased: true })
      expect([await rows.lease(row), await rows.leaseToRevoke(row.id)]).toEqual([null, null])
      await rows.release(first)
      const second = await lease(row)
      await age(row.id, MINUTE + SECOND)
      const third = await lease(row)
      expect(third.fence).toBeGreaterThan(second.fence)
      // The former holder's release is not that of the next one.
      await rows.release(second)
      expect(await rows.lease(row)).toBeNull()
    })

    it('is not had of another generation, of a lost grant, or of none', async () => {
      const row = await insert()
      expect(await rows.lease({ ...row, generation: 1n })).toBeNull()
      await rows.markLost(row, 'refused')
      expect(await rows.lease(row)).toBeNull()
      expect(await rows.lease({ id: newId(), generation: 0n })).toBeNull()
      expect(await rows.leaseToRevoke(newId())).toBeNull()
      expect(await rows.leaseToRevoke(row.id)).toMatchObject({ id: row.id })
    })

    it('allows to send while it covers what that takes', async () => {
      const row = await insert()
      const leased = await lease(row)
      expect(await rows.markSent(leased)).toBe(true)
      expect(await rows.require(row.id)).toMatchObject({ isUnderWay: true })
      await age(row.id, 34 * SECOND)
      expect(await rows.markSent(leased)).toBe(true)
      await age(row.id, 2 * SECOND)
      expect(await rows.markSent(leased)).toBe(false)
    })

    it('allows nothing once it was released, taken over, or another set is stored', async () => {
      const [released, takenOver, replaced] = [await insert(), await insert(), await insert()]
      const leases = [await lease(released), await lease(takenOver), await lease(replaced)]
      const [first, second, third] = leases as [Lease, Lease, Lease]
      await rows.release(first)
      await age(takenOver.id, MINUTE + SECOND)
      await lease(takenOver)
      await rows.store(await seal(replaced, anHourly()), anHourly())
      for (const each of [first, second, third]) expect(await rows.markSent(each)).toBe(false)
    })

    it('tells of a refresh token that was sent before, for a minute as one that may be answered', async () => {
      const row = await insert()
      const first = await lease(row)
      await rows.markSent(first)
      await rows.release(first)
      expect(await lease(row)).toMatchObject({ sentAt: expect.any(Date), isUnderWay: true })
      await age(row.id, MINUTE + SECOND)
      expect(await lease(row)).toMatchObject({ sentAt: expect.any(Date), isUnderWay: false })
    })

    it('takes back that something was sent, and leaves what an earlier attempt has left', async () => {
      const row = await insert()
      const first = await lease(row)
      await rows.markSent(first)
      await rows.unmarkSent(first)
      expect(await columns(row.id)).toMatchObject({ sentAt: null, leaseUntil: null })

      const second = await lease(row)
      await rows.markSent(second)
      await rows.release(second)
      const third = await lease(row)
      await age(row.id, 5 * SECOND)
      await rows.markSent(third)
      await rows.unmarkSent(third)
      expect((await columns(row.id)).sentAt).toEqual(third.sentAt)
      // Not those of the next generation.
      const fourth = await lease(row)
      await rows.store(await seal(row, anHourly()), anHourly())
      await rows.unmarkSent(fourth)
      expect((await columns(row.id)).sentAt).toBeNull()
    })
  })

  describe('a newer token set', () => {
    it('is stored, whoever has the lease, and ends it', async () => {
      const [row, other] = [await insert(), await insert()]
      const otherColumns = await columns(other.id)
      await rows.markSent(await lease(row))
      const refreshed = anHourly({ scope: 'atproto transition:email', access_token: 'newer' })
      const newer = await seal(row, refreshed)
      await age(row.id, DAY)
      expect(await rows.store(newer, refreshed)).toBe('stored')
      const stored = await columns(row.id)
      expect(stored).toMatchObject({
        generation: 1n,
        scope: 'atproto transition:email',
        leaseUntil: null,
        sentAt: null,
      })
      expect(minutesAhead(stored.refreshAfter)).toBe(48)
      // A public client's grant ends when it ends.
      expect(stored.expiresAt).toEqual(new Date(now + 14 * DAY))
      expect(await openGrant(gateway.stores.sealer, stored)).toEqual(refreshed)
      expect(await columns(other.id)).toEqual(otherColumns)

      // And a confidential client's.
      const longer = await insert(anHourly(), confidential)
      const signedInAt = now
      now += DAY
      await confidential.store(await seal(longer, refreshed), refreshed)
      expect((await columns(longer.id)).expiresAt).toEqual(new Date(signedInAt + 730 * DAY))
    })

    it('is stored once, however often, and never over one that is as new or newer', async () => {
      const row = await insert()
      const [grant, later] = [anHourly(), anHourly({ access_token: 'later' })]
      const newer = await seal(row, grant)
      expect([await rows.store(newer, grant), await rows.store(newer, grant)]).toEqual(['stored', 'stored'])
      expect(await rows.store(await seal(row, grant), grant)).toBe('conflict')
      expect((await columns(row.id)).sealed).toBe(newer.sealed)
      const newest = await seal(row, later, 3n)
      await rows.store(newest, later)
      // Whoever has only the older one need not try again.
      expect(await rows.store(newer, grant)).toBe('stored')
      expect((await columns(row.id)).sealed).toBe(newest.sealed)
    })

    it('makes a grant usable again that was given up meanwhile', async () => {
      const row = await insert()
      await rows.markLost(row, 'ambiguous')
      await rows.store(await seal(row, anHourly()), anHourly())
      expect(await columns(row.id)).toMatchObject({ state: 'ok', lostReason: null, generation: 1n })
    })

    it('finds no row where the session has ended', async () => {
      const row = await insert()
      await rows.delete(row.id)
      expect(await rows.store(await seal(row, anHourly()), anHourly())).toBe('gone')
    })
  })

  it('know a lost grant and why, which is required no more', async () => {
    const row = await insert()
    expect(await rows.markLost({ ...row, generation: 1n }, 'refused')).toBe(false)
    expect(await rows.markLost(row, 'moved')).toBe(true)
    expect(await rows.markLost(row, 'refused')).toBe(false)
    expect(await columns(row.id)).toMatchObject({ state: 'lost', lostReason: 'moved' })
    await expect(rows.require(row.id)).rejects.toThrow(GrantLost)
    await expect(rows.require(row.id)).rejects.toThrow(row.id)
    expect(await rows.find(row.id)).toMatchObject({ state: 'lost' })
  })

  it('have no grant that was deleted, or never was', async () => {
    const [row, other] = [await insert(), await insert()]
    await rows.delete(row.id)
    expect(await rows.find(row.id)).toBeNull()
    await expect(rows.require(row.id)).rejects.toThrow(GrantLost)
    // No failure: another process may have been first.
    await rows.delete(row.id)
    expect(await rows.find(other.id)).not.toBeNull()
  })
})
