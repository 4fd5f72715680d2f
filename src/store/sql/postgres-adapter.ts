import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { PoolClient, PoolConfig } from 'pg'

// The pool replaces a broken idle connection, and the query that needs a connection reports what is wrong.
const LISTENERS = { onPoolError: () => undefined, onConnectionError: () => undefined }

/**
 * Prisma's adapter for PostgreSQL, with three workarounds. The adapter returns connections to the pool in the middle of
 * a transaction. It splits a script at every semicolon, also in comments, strings and function bodies, and sends the
 * pieces one by one, so a failed migration would stay half applied. And it uses the database itself as its shadow
 * database when the URL names one.
 */
export function createPostgresAdapter(config: PoolConfig): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg(config, LISTENERS)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      connection.underlyingDriver().on('release', (_error, client) => endUnlessIdle(client))
      // Without arguments the driver sends the text as it is, in one message, which PostgreSQL runs as one transaction.
      connection.executeScript = async (sql) => void (await connection.executeRaw({ sql, args: [], argTypes: [] }))
      return connection
    },
    connectToShadowDb: () => Promise.reject(new Error('Shadow databases exist on PGlite only')),
  }
}

/**
 * Closes a returned connection whose transaction is still open: a ROLLBACK that timed out was never sent. Otherwise the
 * next user of the connection writes into the open transaction, sees success, and loses its writes.
 */
function endUnlessIdle(client: PoolClient): void {
  // The pool calls this before it checks the client, and drops one that has ended.
  if (client.getTransactionStatus() !== 'I') void client.end()
}
