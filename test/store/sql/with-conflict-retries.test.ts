import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import { withConflictRetries } from '../../../src/store/sql/with-conflict-retries.ts'
import { fixture } from '../../support/fixtures.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'

it('runs a transaction once whatever else it fails with', async () => {
  const transaction = vi.fn(() => Promise.reject(new Error('a mistake')))
  await expect(withConflictRetries(transaction)).rejects.toThrow('a mistake')
  expect(transaction).toHaveBeenCalledTimes(1)
})

describe.skipIf(!inject('services').postgres)('a transaction over PostgreSQL that another gets in the way of', () => {
  let fresh: FreshDatabase
  let database: Database

  beforeAll(async () => {
    fresh = await createFreshDatabase(await fixture('template'))
    database = await openDatabase({ kind: 'postgresql', url: fresh.url })
    for (const id of ['a', 'b']) await database.prisma.sessionGroup.create({ data: { id, activeDid: 'did:web:a' } })
  })
  afterAll(async () => {
    await database.close()
    await fresh.drop()
  })

  const conflicting = ['a raw statement', "one of Prisma's"].flatMap((what) =>
    (['a deadlock', 'a serialization failure'] as const).map((why) => ({ what, why })),
  )
  it.each(conflicting)('by $why, found by $what, is run again, and both come to their end', async ({ what, why }) => {
    const { prisma } = database
    const before = await versions()
    let [attempts, arrived] = [0, 0]
    const { promise: bothHaveBegun, resolve: begin } = Promise.withResolvers<void>()
    const raise = (first: string, second: string) =>
      withConflictRetries(() =>
        prisma.$transaction(
          async (tx) => {
            attempts++
            const add = (id: string) =>
              what === 'a raw statement'
                ? tx.$executeRaw`UPDATE "SessionGroup" SET "version" = "version" + 1 WHERE "id" = ${id}`
                : tx.sessionGroup.update({ where: { id }, data: { version: { increment: 1 } } })
            // A snapshot begins with the first statement.
            await (why === 'a deadlock' ? add(first) : tx.sessionGroup.count())
            if (++arrived === 2) begin()
            await bothHaveBegun
            await add(second)
            if (why !== 'a deadlock') await add(first)
          },
          why === 'a deadlock' ? {} : { isolationLevel: 'RepeatableRead' },
        ),
      )
    await Promise.all([raise('a', 'b'), why === 'a deadlock' ? raise('b', 'a') : raise('a', 'b')])
    // More than three when the one that runs again gets in the way of the other again.
    expect(attempts).toBeGreaterThanOrEqual(3)
    expect(await versions()).toEqual(before.map((version) => version + 2))
  })

  it.each([
    { rivals: 2, attempts: 3, ends: 'its end' },
    { rivals: 3, attempts: 3, ends: 'the error of the last one' },
  ])('by $rivals rivals in a row is run $attempts times, and comes to $ends', async ({ rivals, attempts }) => {
    const { prisma } = database
    const before = await versions()
    const raise = { where: { id: 'a' }, data: { version: { increment: 1 } } }
    let begun = 0
    const raised = withConflictRetries(() =>
      prisma.$transaction(
        async (tx) => {
          await tx.sessionGroup.count()
          if (++begun <= rivals) await prisma.sessionGroup.update(raise)
          await tx.sessionGroup.update(raise)
        },
        { isolationLevel: 'RepeatableRead' },
      ),
    )
    if (rivals < attempts) await raised
    else await expect(raised).rejects.toThrow('write conflict')
    expect(begun).toBe(attempts)
    expect(await versions()).toEqual([before[0] + 3, before[1]])
  })

  async function versions(): Promise<[a: number, b: number]> {
    const groups = await database.prisma.sessionGroup.findMany({ orderBy: { id: 'asc' } })
    return [groups[0]?.version ?? Number.NaN, groups[1]?.version ?? Number.NaN]
  }
})
