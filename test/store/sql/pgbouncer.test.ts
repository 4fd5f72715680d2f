import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { SessionRows } from '../../../src/sessions/rows.ts'
import { CLIENT_READ, parseClient } from '../../../src/sessions/stored-client.ts'
import { type Database, openDatabase } from '../../../src/store/sql/database.ts'
import { aSession } from '../../support/builders.ts'
import { createFreshDatabase, type FreshDatabase } from '../../support/fresh-database.ts'
import { hasPgbouncer, type Pgbouncer, startPgbouncer } from '../../support/pgbouncer.ts'

const mayRun = inject('tier') === 'full' && inject('services').postgres && hasPgbouncer

// Two connections to the server for the ten of the gateway: each statement may come to another one.
describe.runIf(mayRun)('a database behind PgBouncer in transaction mode', () => {
  let fresh: FreshDatabase
  let pooler: Pgbouncer
  let database: Database

  beforeAll(async () => {
    fresh = await createFreshDatabase()
    pooler = await startPgbouncer(fresh.url, { poolSize: 2 })
    database = await openDatabase({ kind: 'postgresql', url: pooler.url, directUrl: fresh.url, isPooled: true })
  })
  afterAll(async () => {
    await database.close()
    await pooler.close()
    await fresh.drop()
  })

  it('is migrated past the pooler, and read, written and locked through it by many at once', async () => {
    const { prisma: db, readText } = database
    const work = Array.from({ length: 40 }, async (_, index) => {
      const { session, token } = await aSession({ db }, { handle: `h${index}.test` })
      const [id = ''] = token.split('.')
      const found = await readText(CLIENT_READ, id)
      expect(parseClient(found ?? '', id).sessions).toMatchObject([{ id: session.id }])
      await db.$transaction(async (tx) => {
        const rows = new SessionRows(tx)
        await rows.lockGroups([session.groupId ?? ''])
        await rows.end({ id: session.id })
      })
      expect(await readText(CLIENT_READ, id)).toBeNull()
    })
    await Promise.all(work)
    expect(await db.session.count()).toBe(0)
  })

  it('is refused by the pooler without PGBOUNCER: it passes no start-up parameters on', async () => {
    const without = await openDatabase({ kind: 'postgresql', url: pooler.url, directUrl: fresh.url })
    await expect(without.ping()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    await without.close()
  })
})
