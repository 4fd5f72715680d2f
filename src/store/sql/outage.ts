import {
  isDriverAdapterError,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
} from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { hasErrorCode, StoreUnavailable } from '../../platform/errors.ts'
import { type Availability, UNWATCHED } from '../availability.ts'
import type { PrismaClient } from './generated/client.ts'

/** Called with every SQL statement, for tests and benchmarks that count them. */
export type QueryListener = (sql: string) => void

const OUTAGE_CODE = 'DATABASE_OUTAGE'

/** Thrown by the driver adapter. Prisma wraps it in an error of its own, and keeps only the message and the code. */
class Outage extends Error {
  readonly code = OUTAGE_CODE
}

/**
 * Marks outages where they arise, in every query and transaction, and leaves errors that the database reports as they
 * are.
 */
export function watchAdapter(
  factory: SqlMigrationAwareDriverAdapterFactory,
  onQuery: QueryListener = () => undefined,
): SqlMigrationAwareDriverAdapterFactory {
  return watch(factory, onQuery)
}

/** The adapter's methods that use the connection. */
const OPERATIONS = new Set<string | symbol>([
  'connect',
  'connectToShadowDb',
  'queryRaw',
  'executeRaw',
  'executeScript',
  'startTransaction',
  'commit',
  'rollback',
])

function watch<T extends object>(target: T, onQuery: QueryListener): T {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name, object)
      if (typeof member !== 'function') return member
      if (!OPERATIONS.has(name)) return member.bind(object)
      return async (...args: unknown[]) => {
        if (name === 'queryRaw' || name === 'executeRaw') onQuery((args[0] as SqlQuery).sql)
        try {
          const result: unknown = await Reflect.apply(member, object, args)
          return opensConnection(name) ? watch(result as object, onQuery) : result
        } catch (error) {
          throw isOutage(error) ? new Outage(String(error), { cause: error }) : error
        }
      }
    },
  })
}

/** Whether the method returns an object that can be queried itself. */
function opensConnection(name: string | symbol): boolean {
  return name === 'connect' || name === 'connectToShadowDb' || name === 'startTransaction'
}

const OUTAGE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
])

/** SQLSTATE classes: connection exception, insufficient resources, operator intervention (shutdown, timeout). */
const OUTAGE_STATES = /^(08|53|57)/

/** Mistakes in a program, ours or a library's. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError]

/**
 * Drivers throw adapter errors for what the database reports, and bare errors when there is no database to report
 * anything.
 */
function isOutage(error: unknown): boolean {
  if (error instanceof Outage || MISTAKES.some((mistake) => error instanceof mistake)) return false
  if (!isDriverAdapterError(error)) return true
  const { cause } = error
  return OUTAGE_KINDS.has(cause.kind) || OUTAGE_STATES.test(cause.originalCode ?? '')
}

/** The same of what the driver of PostgreSQL throws, without Prisma. */
function isDriverOutage(error: unknown): boolean {
  return error instanceof pg.DatabaseError ? OUTAGE_STATES.test(error.code ?? '') : isOutage(error)
}

/**
 * Makes a client over a watched adapter reject with SERVICE_UNAVAILABLE during an outage, so that callers cannot
 * mistake it.
 */
export function translateOutages(prisma: PrismaClient, availability: Availability = UNWATCHED): PrismaClient {
  const translate = withTranslation(availability)
  const extended = prisma.$extends({
    query: { $allOperations: ({ args, query }) => translate(() => query(args)) },
  })
  return new Proxy(extended as unknown as PrismaClient, {
    get(client, name) {
      const member: unknown = Reflect.get(client, name, client)
      if (name !== '$transaction' || typeof member !== 'function') return member
      return translateTransaction((...args) => Reflect.apply(member, client, args), translate)
    },
  })
}

/**
 * Prisma's code for every failure of a transaction. Before the work has begun it means that no connection was free in
 * time.
 */
const TRANSACTION_ERROR = 'P2028'

function translateTransaction(transaction: (...args: unknown[]) => Promise<unknown>, translate: Translation) {
  return (work: unknown, ...options: unknown[]) => {
    let hasBegun = false
    const noteBegin = (run: CallableFunction) => (client: unknown) => {
      hasBegun = true
      return run(client)
    }
    return translate(
      () => transaction(typeof work === 'function' ? noteBegin(work) : work, ...options),
      (error) => !hasBegun && hasErrorCode(error, TRANSACTION_ERROR),
    )
  }
}

/** Runs work, which rejects with SERVICE_UNAVAILABLE during an outage. */
export type Translation = <T>(work: () => Promise<T>, isOutageToo?: (error: unknown) => boolean) => Promise<T>

/** For queries that go to the driver of PostgreSQL, without Prisma. */
export function translateDriverOutages(availability: Availability = UNWATCHED): Translation {
  const translate = withTranslation(availability)
  return (work) => translate(work, isDriverOutage)
}

function withTranslation(availability: Availability): Translation {
  return async (work, isOutageToo = () => false) => {
    try {
      const result = await work()
      availability.there()
      return result
    } catch (error) {
      if (!hasErrorCode(error, OUTAGE_CODE) && !isOutageToo(error)) throw error
      availability.away(error)
      throw new StoreUnavailable('database', error)
    }
  }
}
