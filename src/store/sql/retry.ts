import { isDriverAdapterError } from '@prisma/driver-adapter-utils'
import { Prisma } from './generated/client.ts'

/**
 * Runs a transaction, and once more if the database ended it for the sake of another one: a deadlock, or a
 * serialization failure. Nothing of the first attempt stands then.
 * @param transaction may run twice, so it changes nothing outside the database
 */
export async function withOneRetry<T>(transaction: () => Promise<T>): Promise<T> {
  try {
    return await transaction()
  } catch (error) {
    if (!isWriteConflict(error)) throw error
    return transaction()
  }
}

/** SQLSTATE 40001 and 40P01, as Prisma's adapters name them. */
function isWriteConflict(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false
  const reported = error.meta?.driverAdapterError
  return isDriverAdapterError(reported) && reported.cause.kind === 'TransactionWriteConflict'
}
