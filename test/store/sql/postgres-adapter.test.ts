import type { SqlQueryable } from '@prisma/driver-adapter-utils'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createPostgresAdapter } from '../../../src/store/sql/postgres-adapter.ts'
import { createFreshDatabase } from '../../support/fresh-database.ts'

const execute = (connection: SqlQueryable, sql: string) => connection.executeRaw({ sql, args: [], argTypes: [] })

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
    await new Promise((resolve) => setTimeout(resolve, 400))
    await execute(connection, `INSERT INTO note VALUES ('after it')`)

    const onlooker = await createPostgresAdapter({ connectionString: fresh.url }).connect()
    onTestFinished(() => onlooker.dispose())
    const { rows } = await onlooker.queryRaw({ sql: 'SELECT text FROM note', args: [], argTypes: [] })
    expect(rows).toEqual([['after it']])
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
