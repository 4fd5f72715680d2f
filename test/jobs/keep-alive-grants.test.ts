import { beforeAll, describe, expect, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import { keepGrantsAlive } from '../../src/jobs/keep-alive-grants.ts'
import { GatewayError, StoreUnavailable } from '../../src/platform/errors.ts'
import { newId } from '../../src/platform/random.ts'
import { mintDeveloperToken } from '../../src/sessions/token.ts'
import { callerOfText, didOf } from '../support/builders.ts'
import { type GrantProcess, startGrantProcess } from '../support/grant-process.ts'
import { ageGrants, storeGrant } from '../support/stored-grants.ts'
import { createTokenServer, type TokenServer } from '../support/token-server.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const DAY = 24 * 60 * 60 * 1000
const unreachable = () => new GatewayError('PDS_UNAVAILABLE', 'away')

describe('keeping idle grants alive', () => {
  let gateway: UnitGateway
  let server: TokenServer
  let process: GrantProcess
  const isConfidential = true

  beforeAll(async () => {
    gateway = await openUnitGateway()
    const { db } = gateway.stores
    await db.session.deleteMany()
    await db.grant.deleteMany()
    // As the reference server's refresh tokens of confidential clients.
    server = createTokenServer({ clock: gateway.clock, unusedFor: 90 * DAY })
    process = startGrantProcess({ stores: gateway.stores, server, isConfidential })
  })

  const pass = () => keepGrantsAlive({ atproto: { grants: process.grants }, runtime: gateway.runtime })

  /** Writes a developer token of a year, which nobody uses. Gives its text and the id of its grant. */
  async function anIdleToken(): Promise<{ text: string; grantId: string }> {
    const { db } = gateway.stores
    const now = new Date(gateway.clock())
    const [id, did] = [newId(), didOf('alice.test')]
    const { text, secretHash } = mintDeveloperToken(id)
    const grantId = await storeGrant(gateway.stores, server, { isConfidential })
    const account = { did, handle: 'alice.test', pdsUrl: 'https://pds.test', refreshedAt: now }
    await db.account.upsert({ where: { did }, create: account, update: {} })
    const times = { createdAt: now, authenticatedAt: now, linkedAt: now, exchangedAt: now }
    const expiresAt = new Date(now.getTime() + 365 * DAY)
    await db.session.create({ data: { id, kind: 'DEVELOPER_TOKEN', secretHash, did, grantId, expiresAt, ...times } })
    return { text, grantId }
  }

  /** Lets a day pass: for the gateway, for the servers, and for the database. */
  async function nextDay(grantIds: readonly string[]): Promise<void> {
    gateway.clock.advance(DAY)
    await ageGrants(gateway.stores.db, grantIds, DAY)
  }

  it('lets a developer token work that nobody has used for three months and more', async () => {
    const { text, grantId } = await anIdleToken()
    const before = server.sent
    for (let day = 0; day < 100; day++) {
      await nextDay([grantId])
      await pass()
    }
    // After 22 to 38 days each time.
    expect(server.sent - before).toBeGreaterThanOrEqual(2)
    expect(server.sent - before).toBeLessThanOrEqual(4)
    expect((await callerOfText(gateway, text))?.session?.grant.state).toBe('ok')
    expect(server.honours((await process.use(grantId)).grant)).toBe(true)
  })

  it('is what saves it: without, the server has forgotten it by then', async () => {
    const { grantId } = await anIdleToken()
    for (let day = 0; day < 100; day++) await nextDay([grantId])
    await expect(process.use(grantId)).rejects.toThrow(GrantLost)
  })

  it('spreads the refreshes of hundreds of grants of one day over two weeks', async () => {
    const COUNT = 250
    const ids: string[] = []
    while (ids.length < COUNT) ids.push((await anIdleToken()).grantId)
    const perDay: number[] = []
    for (let day = 1; day <= 39; day++) {
      await nextDay(ids)
      const before = server.sent
      await pass()
      perDay.push(server.sent - before)
    }
    expect(perDay.slice(0, 21)).toEqual(Array.from({ length: 21 }, () => 0))
    // A grant of a test above may be among them, and one refreshed a second time is not.
    expect(perDay.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(COUNT)
    expect(perDay.filter((count) => count > 0).length).toBeGreaterThanOrEqual(14)
    // Sixteen a day on average, which varies.
    expect(Math.max(...perDay)).toBeLessThan(40)
    expect(server.replays).toBe(0)
  })
})

describe('a pass', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })

  type Refresh = (id: string) => Promise<void>
  /** A pass over so many due grants. Gives the limits by which it claimed, and the ids that it refreshed. */
  async function passOver(count: number, refreshIdle: Refresh = async () => undefined, most?: number) {
    const left = Array.from({ length: count }, (_, index) => String(index))
    const limits: number[] = []
    const refreshed: string[] = []
    gateway.logLines.length = 0
    const idle = {
      async claimDue(limit: number) {
        limits.push(limit)
        return left.splice(0, limit)
      },
      scheduleStrays: async () => ({ last: null, count: 0 }),
    }
    const grants = {
      idle,
      refreshIdle(id: string) {
        refreshed.push(id)
        return refreshIdle(id)
      },
    }
    await keepGrantsAlive({ atproto: { grants }, runtime: gateway.runtime }, most === undefined ? {} : { most })
    const logged = gateway.logLines.map((line) => JSON.parse(line) as Record<string, unknown>)
    return { limits, refreshed, left, logged }
  }

  it('claims in batches until one is not full', async () => {
    const { limits, refreshed, logged } = await passOver(150)
    expect(limits).toEqual([100, 100])
    expect(refreshed).toHaveLength(150)
    expect(logged).toMatchObject([{ level: 30, kept: 150, lost: 0, failed: 0 }])
  })

  it('refreshes so many at most, ten at once', async () => {
    let [now, mostAtOnce] = [0, 0]
    const { limits, refreshed, left } = await passOver(
      500,
      async () => {
        mostAtOnce = Math.max(mostAtOnce, ++now)
        await new Promise(setImmediate)
        now--
      },
      230,
    )
    expect(limits).toEqual([100, 100, 30])
    expect(refreshed).toHaveLength(230)
    expect(left).toHaveLength(270)
    expect(mostAtOnce).toBe(10)
  })

  it('says nothing where nothing is due', async () => {
    expect((await passOver(0)).logged).toEqual([])
  })

  it('goes on where servers are away or a grant is lost, and says so in one line', async () => {
    const { refreshed, logged } = await passOver(30, async (id) => {
      if (id === '0') throw new GrantLost('refused')
      if (Number(id) % 2 === 0) throw unreachable()
    })
    expect(refreshed).toHaveLength(30)
    expect(logged).toMatchObject([{ level: 40, kept: 15, lost: 1, failed: 14, err: { code: 'PDS_UNAVAILABLE' } }])
  })

  it('ends where the database is away', async () => {
    const { limits, refreshed } = await passOver(500, () => Promise.reject(new StoreUnavailable('database', null)))
    expect(limits).toEqual([100])
    expect(refreshed).toHaveLength(10)
  })

  it('ends with the process', async () => {
    let isFirst = true
    const { limits, refreshed } = await passOver(500, async () => {
      if (isFirst) gateway.close()
      isFirst = false
    })
    expect(limits).toEqual([100])
    expect(refreshed).toHaveLength(1)
  })
})
