import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Gateway } from '../../src/gateway.ts'
import { accountIncludes } from '../../src/sessions/client.ts'
import { keepAlive } from '../../src/sessions/keep-alive.ts'
import { aSession, type SessionOptions } from '../support/builders.ts'
import { withMembers } from '../support/faults.ts'
import { eventually } from '../support/tables.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('keepAlive', () => {
  let gateway: UnitGateway
  let refreshed: string[]
  let statements: number

  beforeAll(async () => {
    gateway = await openUnitGateway({ SESSION_DAYS: '10' })
  })
  beforeEach(() => {
    refreshed = []
    statements = 0
    gateway.logLines.length = 0
  })

  /** The gateway, with a note of the grants that it refreshes: no server is there that could be asked. */
  function noting(): Gateway {
    const grants = { ...gateway.atproto.grants, refreshSoon: (id: string) => void refreshed.push(id) }
    return { ...gateway, atproto: { ...gateway.atproto, grants } }
  }

  /** The gateway in an outage of its database. */
  function withoutDatabase(): Gateway {
    const refuse = () => {
      statements++
      return Promise.reject(new Error('no database'))
    }
    const db = withMembers(gateway.stores.db, { $executeRaw: refuse })
    return { ...noting(), stores: { ...gateway.stores, db } }
  }

  const ago = (ms: number) => new Date(gateway.clock() - ms)
  const sessionOf = (id: string) =>
    gateway.stores.db.session.findUniqueOrThrow({ where: { id }, include: accountIncludes })
  const build = async (options: SessionOptions) =>
    sessionOf((await aSession({ db: gateway.stores.db, now: gateway.clock() }, options)).session.id)
  const find = (id: string) => gateway.stores.db.session.findUniqueOrThrow({ where: { id } })
  const logged = (text: string) => eventually(async () => gateway.logLines.some((line) => line.includes(text)), text)

  it('slides a session that was not used for five minutes, and records its use', async () => {
    const session = await build({ lastUsedAt: ago(5 * MINUTE), expiresAt: ago(-DAY) })
    const before = gateway.clock()
    keepAlive(noting(), session)
    await eventually(
      async () => (await find(session.id)).lastUsedAt?.getTime() !== session.lastUsedAt?.getTime(),
      'touched',
    )
    const { lastUsedAt, expiresAt } = await find(session.id)
    expect(lastUsedAt?.getTime()).toBeGreaterThanOrEqual(before)
    expect(expiresAt.getTime()).toBe((lastUsedAt?.getTime() ?? 0) + 10 * DAY)
    expect(refreshed).toEqual([])
  })

  it('leaves the other sessions of the group as they are', async () => {
    const session = await build({ lastUsedAt: ago(HOUR), expiresAt: ago(-DAY) })
    const options = { handle: 'bob.test', groupId: session.groupId, lastUsedAt: ago(HOUR), expiresAt: ago(-DAY) }
    const { session: other } = await aSession({ db: gateway.stores.db, now: gateway.clock() }, options)
    keepAlive(noting(), session)
    await eventually(async () => (await find(session.id)).expiresAt > ago(-2 * DAY), 'slid')
    expect(await find(other.id)).toEqual(other)
  })

  it('records the first use of a developer token, whose end is fixed', async () => {
    const session = await build({ kind: 'DEVELOPER_TOKEN', lastUsedAt: null, expiresAt: ago(-DAY) })
    keepAlive(noting(), session)
    await eventually(async () => (await find(session.id)).lastUsedAt !== null, 'touched')
    expect((await find(session.id)).expiresAt).toEqual(session.expiresAt)
  })

  it('refreshes a grant that is due, however recently the session was used', async () => {
    const session = await build({ lastUsedAt: ago(0), grant: { refreshAfter: ago(0) } })
    keepAlive(noting(), session)
    expect(refreshed).toEqual([session.grantId])
  })

  it.each<[string, () => SessionOptions]>([
    ['is not due yet', () => ({ grant: { refreshAfter: ago(-MINUTE) } })],
    ['is lost', () => ({ grant: { refreshAfter: ago(HOUR), state: 'lost' } })],
  ])('does not refresh a grant that %s', async (_what, options) => {
    const session = await build({ lastUsedAt: ago(HOUR), ...options() })
    keepAlive(noting(), session)
    expect(refreshed).toEqual([])
  })

  it('does nothing for a session that was used within five minutes', async () => {
    const session = await build({ lastUsedAt: ago(5 * MINUTE - 10_000) })
    // Nothing is begun that could still write later on.
    keepAlive(withoutDatabase(), session)
    expect([refreshed, statements]).toEqual([[], 0])
  })

  it('warns in the log when the session cannot be slid, and fails nobody', async () => {
    const session = await build({ lastUsedAt: ago(HOUR) })
    keepAlive(withoutDatabase(), session)
    expect(statements).toBe(1)
    await logged('session not slid')
    expect(gateway.logLines.find((line) => line.includes('session not slid'))).toContain(session.id)
  })
})
