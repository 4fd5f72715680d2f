import type { SqlQueryable } from '@prisma/driver-adapter-utils'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createPostgresAdapter } from '../../../src/store/sql/postgres-adapter.ts'
import { createFreshDatabase } from '../../support/fresh-database.ts'

const execute = (connection: SqlQueryable, sql: string) => connection.executeRaw({ sql, args: [], argTypes: [] })

/** What is still at work on `pg_sleep` in this database, besides this question. */
const SLEEPING = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND state = 'active' AND query LIKE '%pg_sleep%'`

describe.skipIf(!inject('services').postgres)('the PostgreSQL adapter', () => {
  it('gives no connection on whose transaction could not be ended: the next writes would be lost', async () => {
    const fresh = await createFreshDatabase()
    onTestFinished(fresh.drop)
    const connection = await createPostgresAdapter({
      connectionString: fresh.url,
      max: 1,
      query_timeout: 150,
    }).connect()
    onTestFinished(() => connection.dispose())
    await execute(connection, 'CREATE TABLE note (text text)')

    const transaction = await connection.startTransaction()
    await execute(transaction, `INSERT INTO note VALUES ('in the transaction')`)
    await expect(execute(transaction, 'SELECT pg_sleep(0.5)')).rejects.toThrow('timeout')
    await expect(execute(transaction, 'ROLLBACK')).rejects.toThrow('timeout')
    await transaction.rollback()
    const onlooker = await createPostgresAdapter({ connectionString: fresh.url }).connect()
    onTestFinished(() => onlooker.dispose())
    const read = async (sql: string) => (await onlooker.queryRaw({ sql, args: [], argTypes: [] })).rows
    // Until the server is done with what took too long, a connection given on would be refused, not lose anything.
    await expect.poll(() => read(SLEEPING)).toEqual([])
    await execute(connection, `INSERT INTO note VALUES ('after it')`)

    expect(await read('SELECT text FROM note')).toEqual([['after it']])
  })

  it('keeps a connection whose transaction ended', async () => {
    const fresh = await createFreshDatabase()
    onTestFinished(fresh.drop)
    const connection = await createPostgresAdapter({ connectionString: fresh.url, max: 1 }).connect()
    onTestFinished(() => connection.dispose())
    const processId = async () => {
      const { rows } = await connection.queryRaw({ sql: 'SELECT pg_backend_pid()', args: [], argTypes: [] })
      return rows[0]?.[0]
    }
    const before = await processId()
    for (const end of ['commit', 'rollback'] as const) {
      const transaction = await connection.startTransaction()
      await execute(transaction, end)
      await transaction[end]()
    }
    expect(await processId()).toBe(before)
  })

  it('has no shadow databases: the driver would take the database itself for one', async () => {
    const adapter = createPostgresAdapter({ connectionString: 'postgresql://root@127.0.0.1:1/nothing' })
    await expect(adapter.connectToShadowDb()).rejects.toThrow('PGlite')
  })
})
