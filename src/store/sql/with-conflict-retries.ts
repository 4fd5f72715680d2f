import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import pRetry from 'p-retry'
import { Prisma } from './generated/client.ts'

/**
 * The pause lets the other transaction take what it has waited for: one that begins at once may get it first, and meets
 * the other a second time. PostgreSQL finds a deadlock after a second, so three in a row take three.
 */
const RETRIES = { retries: 2, minTimeout: 20, factor: 3, randomize: true }

/**
 * Runs a transaction, and again up to two times if the database ended it for the sake of another one: a deadlock, or a
 * serialization failure. Nothing of the attempt before stands then.
 * @param transaction may run three times, so it changes nothing outside the database
 */
export function withConflictRetries<T>(transaction: () => Promise<T>): Promise<T> {
  return pRetry(transaction, { ...RETRIES, shouldRetry: ({ error }) => isWriteConflict(error) })
}

/** SQLSTATE 40001 and 40P01, as Prisma's adapters name them. */
function isWriteConflict(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false
  const reported = error.meta?.driverAdapterError
  return isDriverAdapterError(reported) && reported.cause.kind === 'TransactionWriteConflict'
}
