import { DriverAdapterError, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { newId } from '../../../src/platform/random.ts'
import { PrismaClient } from '../../../src/store/sql/generated/client.ts'
import { translateOutages, watchAdapter } from '../../../src/store/sql/outage.ts'
import { openUnitGateway } from '../../support/unit-gateway.ts'

const unavailable = { code: 'SERVICE_UNAVAILABLE', retryAfter: 2 }

/** A driver every method of which does what the test says: real ones cannot be made to report each of these. */
function createDriver(answer: () => Promise<unknown>) {
  const transaction = { queryRaw: answer, executeRaw: answer, commit: answer, rollback: answer, options: {} }
  const connection = {
    provider: 'postgres',
    adapterName: 'scripted',
    queryRaw: answer,
    executeRaw: answer,
    executeScript: answer,
    startTransaction: async () => transaction,
    dispose: async () => undefined,
  }
  const connect = async () => connection
  const driver = { provider: 'postgres', adapterName: 'scripted', connect, connectToShadowDb: connect }
  return driver as unknown as SqlMigrationAwareDriverAdapterFactory
}

const failing = (error: unknown) => createDriver(() => Promise.reject(error))
const reported = (cause: object) => new DriverAdapterError(cause as ConstructorParameters<typeof DriverAdapterError>[0])
const sqlState = (originalCode: string) => reported({ kind: 'postgres', originalCode })
const QUERY = { sql: 'SELECT 1', args: [], argTypes: [] }

/** With what a query over this driver rejects. */
async function rejectionOf(driver: SqlMigrationAwareDriverAdapterFactory): Promise<unknown> {
  const connection = await watchAdapter(driver).connect()
  return connection.queryRaw(QUERY).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('a driver’s error', () => {
  it.each([
    ...['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections', 'TlsConnectionError'].map(
      (kind) => reported({ kind }),
    ),
    ...['08006', '53300', '57014', '57P01'].map(sqlState),
    new Error('socket hang up'),
  ])('%# is an outage', async (error) => {
    expect(await rejectionOf(failing(error))).toMatchObject({ code: 'DATABASE_OUTAGE', cause: error })
  })

  it.each([
    reported({ kind: 'UniqueConstraintViolation' }),
    ...['23505', '42P01', '40001', '10800'].map(sqlState),
    reported({ kind: 'postgres' }),
    new TypeError('cannot read properties of undefined'),
    new RangeError('out of range'),
  ])('%# is what the database says', async (error) => {
    expect(await rejectionOf(failing(error))).toBe(error)
  })

  it('is marked once', async () => {
    const error = await rejectionOf(watchAdapter(failing(new Error('gone'))))
    expect(error).toMatchObject({ code: 'DATABASE_OUTAGE', cause: { message: 'gone' } })
  })

  it('is marked in every operation', async () => {
    const error = new Error('gone')
    const driver = watchAdapter(failing(error))
    const connection = await driver.connect()
    const shadow = await driver.connectToShadowDb()
    const transaction = await connection.startTransaction()
    const outage = { code: 'DATABASE_OUTAGE' }
    await expect(connection.queryRaw(QUERY)).rejects.toMatchObject(outage)
    await expect(connection.executeRaw(QUERY)).rejects.toMatchObject(outage)
    await expect(connection.executeScript('SELECT 1')).rejects.toMatchObject(outage)
    await expect(shadow.queryRaw(QUERY)).rejects.toMatchObject(outage)
    await expect(transaction.queryRaw(QUERY)).rejects.toMatchObject(outage)
    await expect(transaction.executeRaw(QUERY)).rejects.toMatchObject(outage)
    await expect(transaction.commit()).rejects.toMatchObject(outage)
    await expect(transaction.rollback()).rejects.toMatchObject(outage)

    const refuse = () => Promise.reject(error)
    const unreachable = watchAdapter({ ...driver, connect: refuse, connectToShadowDb: refuse })
    await expect(unreachable.connect()).rejects.toMatchObject(outage)
    await expect(unreachable.connectToShadowDb()).rejects.toMatchObject(outage)
  })
})

describe('a watched adapter', () => {
  it('does what the driver does, and tells of each statement', async () => {
    const onQuery = vi.fn()
    const driver = watchAdapter(
      createDriver(async () => 'an answer'),
      onQuery,
    )
    expect([driver.provider, driver.adapterName]).toEqual(['postgres', 'scripted'])
    const connection = await driver.connect()
    expect(await connection.queryRaw({ ...QUERY, sql: 'a' })).toBe('an answer')
    expect(await connection.executeRaw({ ...QUERY, sql: 'b' })).toBe('an answer')
    expect(await connection.executeScript('c')).toBe('an answer')
    const transaction = await connection.startTransaction()
    expect(await transaction.queryRaw({ ...QUERY, sql: 'd' })).toBe('an answer')
    await transaction.commit()
    await connection.dispose()
    expect(onQuery.mock.calls).toEqual([['a'], ['b'], ['d']])
  })

  it('needs nobody to tell', async () => {
    const connection = await watchAdapter(createDriver(async () => 'an answer')).connect()
    expect(await connection.queryRaw(QUERY)).toBe('an answer')
  })

  it('leaves the methods of the driver their object', async () => {
    const driver = createDriver(async () => 'an answer')
    const connection = await watchAdapter({
      ...driver,
      connect: async () =>
        Object.assign(await driver.connect(), {
          async dispose(this: { adapterName: string }) {
            if (this.adapterName !== 'scripted') throw new TypeError('called without its object')
          },
        }),
    }).connect()
    const { dispose } = connection
    await expect(dispose()).resolves.toBeUndefined()
  })
})

describe('a client', () => {
  let db: PrismaClient

  beforeAll(async () => {
    db = (await openUnitGateway()).stores.db
  })

  const over = (error: unknown) => translateOutages(new PrismaClient({ adapter: watchAdapter(failing(error)) }))

  it('says SERVICE_UNAVAILABLE in an outage, whatever it is asked', async () => {
    const prisma = over(new Error('gone'))
    await expect(prisma.account.findMany()).rejects.toMatchObject(unavailable)
    await expect(prisma.$queryRaw`SELECT 1`).rejects.toMatchObject(unavailable)
    await expect(prisma.$transaction([prisma.account.count()])).rejects.toMatchObject(unavailable)
    await expect(prisma.$transaction((tx) => tx.account.count())).rejects.toMatchObject(unavailable)
  })

  it('passes on what the database says', async () => {
    const prisma = over(sqlState('42P01'))
    await expect(prisma.account.findMany()).rejects.not.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
  })

  it('gives what the database answers', async () => {
    expect(await db.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }])
    expect(await db.$transaction(async (tx) => tx.$queryRaw`SELECT 2 AS two`)).toEqual([{ two: 2 }])
    expect(await db.$transaction([db.$queryRaw`SELECT 3 AS three`])).toEqual([[{ three: 3 }]])
  })

  it('passes on what the work of a transaction throws, which has then changed nothing', async () => {
    const id = newId()
    const work = db.$transaction(async (tx) => {
      await tx.sessionGroup.create({ data: { activeDid: '', id, createdAt: new Date() } })
      throw new TypeError('a mistake')
    })
    await expect(work).rejects.toThrow('a mistake')
    expect(await db.sessionGroup.count({ where: { id } })).toBe(0)
  })

  it('calls it an outage when a transaction does not get its turn, but not when it takes too long', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const first = db.$transaction(() => promise, { timeout: 30_000 })
    const second = db.$transaction((tx) => tx.sessionGroup.count(), { maxWait: 50 })
    await expect(second).rejects.toMatchObject(unavailable)
    release()
    await first
    const tooLong = db.$transaction(
      async (tx) => {
        await new Promise((resolve) => setTimeout(resolve, 60))
        return tx.sessionGroup.count()
      },
      { timeout: 20 },
    )
    await expect(tooLong).rejects.toMatchObject({ code: 'P2028' })
  })
})
