import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createInProcessStore } from '../../../src/store/ephemeral/in-process-store.ts'
import { createSealer } from '../../../src/store/sealing/sealer.ts'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import { fixture } from '../../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'
import { startGrantProcess } from '../../support/grant-process.ts'
import { ageGrant, storeEndedGrant, storeGrant } from '../../support/stored-grants.ts'
import { eventually } from '../../support/tables.ts'
import { createTokenServer } from '../../support/token-server.ts'

const MINUTE = 60_000

/** Several connections at once, and few of them: what PGlite, which has one, cannot show. */
describe.skipIf(!inject('services').postgres)('a herd that needs one grant, over PostgreSQL', () => {
  let fresh: FreshDatabase
  let database: Database

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    database = await openDatabase({ kind: 'postgresql', url: fresh.url, poolSize: 1 })
  })
  afterAll(async () => {
    await database.close()
    await fresh.drop()
  })

  const openStores = () => ({
    db: database.prisma,
    sealer: createSealer([{ id: 'k1', secret: new Uint8Array(32) }]),
    ephemeral: createInProcessStore({ clock: Date.now }),
    readText: database.readText,
  })

  it('makes one refresh, and holds no connection while it waits', async () => {
    const [stores, server] = [openStores(), createTokenServer()]
    const id = await storeEndedGrant(stores, server)
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const processes = [1, 2].map(() =>
      startGrantProcess({
        stores,
        server,
        interfere: async (step, work) => {
          if (step === 'send') await mayAnswer
          return work()
        },
      }),
    )
    const uses = processes.flatMap((process) => Array.from({ length: 12 }, () => process.use(id)))
    await eventually(async () => server.sent === 1, 'the refresh token is sent')
    const waiting = processes.filter(({ steps }) => !steps.includes('send'))
    await eventually(async () => waiting.every(({ steps }) => steps.length > 6), 'the other process waits')

    // The pool has one connection. Whoever kept it would keep it from these.
    for (let times = 0; times < 10; times++) {
      const [activity] = await database.prisma.$queryRaw<{ transactions: bigint; waits: bigint }[]>`
        SELECT COUNT(*) FILTER (WHERE state LIKE 'idle in transaction%') AS transactions,
               COUNT(*) FILTER (WHERE wait_event_type = 'Lock') AS waits
          FROM pg_stat_activity WHERE datname = current_database()`
      expect(activity).toEqual({ transactions: 0n, waits: 0n })
    }
    answer()
    const generations = (await Promise.all(uses)).map(({ generation }) => generation)
    expect(generations).toEqual(Array(24).fill(1n))
    expect(server).toMatchObject({ sent: 1, replays: 0 })
  })

  it('makes one refresh a generation, however often the processes race', { timeout: 60_000 }, async () => {
    const [stores, server] = [openStores(), createTokenServer()]
    const pools = await Promise.all([1, 2, 3].map(() => openDatabase({ kind: 'postgresql', url: fresh.url })))
    const processes = pools.map(({ prisma }) => startGrantProcess({ stores: { ...stores, db: prisma }, server }))
    const id = await storeGrant(stores, server)
    for (let round = 1n; round <= 20n; round++) {
      await ageGrant(database.prisma, id, 61 * MINUTE)
      const held = await Promise.all(processes.flatMap((process) => [process.use(id), process.use(id)]))
      expect(held.map(({ generation }) => generation)).toEqual(Array(6).fill(round))
    }
    expect(server).toMatchObject({ sent: 20, replays: 0 })
    await Promise.all(pools.map((pool) => pool.close()))
  })
})
