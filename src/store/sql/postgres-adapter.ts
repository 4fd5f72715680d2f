import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { PoolClient, PoolConfig } from 'pg'

// A broken idle connection is the pool's to replace; the query that needs one reports what is wrong.
const LISTENERS = { onPoolError: () => undefined, onConnectionError: () => undefined }

/**
 * Prisma's adapter for PostgreSQL, with three mends: it gives connections back to the pool in the middle of a transaction; it cuts
 * a script at every semicolon, in comments, strings and function bodies too, and sends the pieces one by one, so that a migration
 * which failed would stay half applied; and what it takes for a shadow database is the database itself, when a URL names that.
 */
export function createPostgresAdapter(config: PoolConfig): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg(config, LISTENERS)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      connection.underlyingDriver().on('release', (_error, client) => endUnlessIdle(client))
      // Without arguments the driver sends a text as it is, in one message, which PostgreSQL takes as one transaction.
      connection.executeScript = async (sql) => void (await connection.executeRaw({ sql, args: [], argTypes: [] }))
      return connection
    },
    connectToShadowDb: () => Promise.reject(new Error('Shadow databases are made on PGlite alone')),
  }
}

/**
 * A ROLLBACK that timed out was never sent. Whoever was given the connection next would write into the transaction that still
 * stands, be told that all went well, and lose it.
 */
function endUnlessIdle(client: PoolClient): void {
  // The pool drops what has been ended before it looks.
  if (client.getTransactionStatus() !== 'I') void client.end()
}
