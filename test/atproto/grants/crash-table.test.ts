import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GrantLost } from '../../../src/atproto/grants/rows.ts'
import {
  crashAt,
  type GrantProcess,
  type Interference,
  type Step,
  startGrantProcess,
} from '../../support/grant-process.ts'
import { ageGrant, storeEndedGrant } from '../../support/stored-grants.ts'
import { eventually } from '../../support/tables.ts'
import { createTokenServer, type TokenServer } from '../../support/token-server.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** The lines of the table in docs/decisions/0008-refreshing-a-grant.md: what a crash leaves, and what the next one does. */
describe('a process that ends while it refreshes a grant', () => {
  let gateway: UnitGateway
  let server: TokenServer
  let id: string

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    server = createTokenServer()
    id = await storeEndedGrant(gateway.stores, server)
  })

  const start = (interfere?: Interference): GrantProcess =>
    startGrantProcess({ stores: gateway.stores, server, ...(interfere && { interfere }) })
  const row = () => gateway.stores.db.grant.findUniqueOrThrow({ where: { id } })
  const age = (ms: number) => ageGrant(gateway.stores.db, id, ms)

  /** Starts a process that refreshes the grant, and ends it. */
  async function crash(step: Step, options: { when: 'before' | 'after'; time?: number }): Promise<void> {
    const { interfere, crashed } = crashAt(step, options)
    // Nobody is left who would hear of how this ends.
    start(interfere)
      .use(id)
      .catch(() => undefined)
    await crashed
  }

  /** Waits until a process has found several times that it has to wait. */
  const waits = ({ steps }: GrantProcess) =>
    eventually(async () => steps.filter((step) => step === 'find').length > 2, 'it waits')

  it.each<[string, Step, 'before' | 'after']>([
    ['before it reads the row', 'find', 'before'],
    ['when it has read the row', 'find', 'after'],
    ['before it resolves the account', 'prepare', 'before'],
    ['when it has resolved the account', 'prepare', 'after'],
  ])('%s leaves everything as it was: the next one refreshes at once', async (_when, step, when) => {
    const before = await row()
    await crash(step, { when })
    expect(await row()).toEqual(before)
    expect((await start().use(id)).generation).toBe(1n)
    expect(server).toMatchObject({ sent: 1, replays: 0 })
  })

  it.each<[string, Step, 'before' | 'after', number]>([
    ['when it has the lease', 'lease', 'after', 1],
    ['before it looks for a copy', 'read copy', 'before', 2],
    ['when it has found no copy', 'read copy', 'after', 2],
  ])('%s has sent nothing: the next one waits for the lease to end, and refreshes', async (_when, step, when, time) => {
    await crash(step, { when, time })
    expect(await row()).toMatchObject({ generation: 0n, sentAt: null, leaseUntil: expect.any(Date) })
    const next = start()
    const refreshed = next.use(id)
    await waits(next)
    expect(server.sent).toBe(0)
    await age(MINUTE)
    expect((await refreshed).generation).toBe(1n)
    expect(server).toMatchObject({ sent: 1, replays: 0 })
  })

  it.each<[string, Step, 'before' | 'after']>([
    ['when it has marked that it sends, and sends nothing', 'mark', 'after'],
    ['when it has sent the refresh token, which does not arrive', 'send', 'before'],
  ])('%s: the next one waits a minute, and refreshes with the same token', async (_when, step, when) => {
    await crash(step, { when })
    expect(await row()).toMatchObject({ generation: 0n, sentAt: expect.any(Date), leaseUntil: expect.any(Date) })
    const next = start()
    const refreshed = next.use(id)
    const sentBefore = server.sent
    await waits(next)
    expect(server.sent).toBe(sentBefore)
    await age(MINUTE + SECOND)
    expect((await refreshed).generation).toBe(1n)
    expect(server.replays).toBe(0)
    expect((await row()).state).toBe('ok')
  })

  it('between the answer and the first copy of it loses the grant: the only crash that does', async () => {
    await crash('answer', { when: 'after' })
    await age(MINUTE + SECOND)
    const next = start()
    await expect(next.use(id)).rejects.toThrow(GrantLost)
    expect(await row()).toMatchObject({ generation: 0n, state: 'lost', lostReason: 'ambiguous' })
    expect(next.changes).toEqual([{ id, state: 'lost' }])
    expect(server.replays).toBe(1)
  })

  it('when a copy is written: the next one adopts it at once, and sends nothing', async () => {
    const { interfere, crashed } = crashAt('store', { when: 'before' })
    start(interfere)
      .use(id)
      .catch(() => undefined)
    await crashed
    await eventually(async () => (await gateway.stores.ephemeral.get(`grant:${id}`)) !== null, 'the copy is written')
    expect(await row()).toMatchObject({ generation: 0n })
    const next = start()
    const { generation, grant } = await next.use(id)
    expect(generation).toBe(1n)
    expect(server).toMatchObject({ sent: 1, replays: 0 })
    expect(server.honours(grant)).toBe(true)
    expect(await row()).toMatchObject({ generation: 1n, state: 'ok', sentAt: null, leaseUntil: null })
    expect(next.changes).toEqual([{ id, state: 'ok' }])
  })

  it('when the set is stored has lost nothing', async () => {
    await crash('store', { when: 'after' })
    const { generation, grant } = await start().use(id)
    expect(generation).toBe(1n)
    expect(server.honours(grant)).toBe(true)
    expect(server.sent).toBe(1)
  })

  it('before the database is set back: the copy heals it', async () => {
    const { sealed, generation, refreshAfter, accessEndsAt, sentAt, leaseUntil } = await row()
    const newest = await start().use(id)
    await age(2 * 60 * MINUTE)
    expect((await start().use(id)).generation).toBe(2n)
    const backup = { sealed, generation, refreshAfter, accessEndsAt, sentAt, leaseUntil }
    await gateway.stores.db.grant.update({ where: { id }, data: backup })
    const healed = await start().use(id)
    expect(healed.generation).toBe(2n)
    expect(server.honours(healed.grant)).toBe(true)
    expect(server.honours(newest.grant)).toBe(false)
    expect(server).toMatchObject({ sent: 2, replays: 0 })
  })
})

describe('a process that goes on, and cannot store what it has refreshed', () => {
  let gateway: UnitGateway
  let server: TokenServer
  let id: string

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    server = createTokenServer()
    id = await storeEndedGrant(gateway.stores, server)
  })

  const row = () => gateway.stores.db.grant.findUniqueOrThrow({ where: { id } })
  const start = (interfere?: Interference) =>
    startGrantProcess({ stores: gateway.stores, server, ...(interfere && { interfere }) })

  /** An outage of the steps that are named, until it is over. */
  function outageOf(...steps: Step[]) {
    let isOver = false
    const interfere: Interference = (step, work) =>
      !isOver && steps.includes(step) ? Promise.reject(new Error(`${step}: store away`)) : work()
    return {
      interfere,
      end: () => {
        isOver = true
      },
    }
  }

  it('uses the set, holds it, and stores it when the database is back', async () => {
    const outage = outageOf('store')
    const holder = start(outage.interfere)
    const refreshed = await holder.use(id)
    expect(refreshed.generation).toBe(1n)
    expect(holder.grants.countUnstored()).toBe(1)
    expect(await holder.use(id)).toEqual(refreshed)
    outage.end()
    await eventually(async () => (await row()).generation === 1n, 'it is stored')
    expect(holder.grants.countUnstored()).toBe(0)
    expect(server).toMatchObject({ sent: 1, replays: 0 })
    expect(holder.logLines.join()).toMatch(/"level":40.*refreshed grant not stored yet/)
  })

  it('stores the same text as one that finds the copy first', async () => {
    const outage = outageOf('store')
    const holder = start(outage.interfere)
    await holder.use(id)
    const other = start()
    expect((await other.use(id)).generation).toBe(1n)
    const { sealed } = await row()
    outage.end()
    await eventually(async () => holder.grants.countUnstored() === 0, 'the holder has done its part')
    expect(await row()).toMatchObject({ sealed, generation: 1n, state: 'ok' })
    expect(holder.logLines.join()).not.toContain('another token set')
    expect(server).toMatchObject({ sent: 1, replays: 0 })
  })

  it('stalled between the mark and the request sends nothing, and lets the next one', async () => {
    const stalled = start(async (step, work) => {
      const result = await work()
      // The clock that counts is the process's own.
      if (step === 'mark') await new Promise((resolve) => setTimeout(resolve, 2100))
      return result
    })
    await expect(stalled.use(id)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    expect(server.sent).toBe(0)
    expect(await row()).toMatchObject({ generation: 0n, state: 'ok', sentAt: null, leaseUntil: null })
    expect((await start().use(id)).generation).toBe(1n)
  })

  it('cut off from both stores for more than a minute loses the grant to the next one: the second exempt case', async () => {
    const outage = outageOf('store', 'save copy')
    const holder = start(outage.interfere)
    await holder.use(id)
    await ageGrant(gateway.stores.db, id, MINUTE + SECOND)
    await expect(start().use(id)).rejects.toThrow(GrantLost)
    expect(await row()).toMatchObject({ state: 'lost', lostReason: 'ambiguous' })
    expect(server).toMatchObject({ sent: 2, replays: 1 })
  })
})
