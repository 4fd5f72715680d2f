import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import type { PoolClient, PoolConfig } from 'pg'

// The pool replaces a broken idle connection, and the query that needs a connection reports what is wrong.
const LISTENERS = { onPoolError: () => undefined, onConnectionError: () => undefined }

/**
 * Prisma's adapter for PostgreSQL, with four workarounds. The adapter returns connections to the pool in the middle of
 * a transaction. It splits a script at every semicolon, also in comments, strings and function bodies, and sends the
 * pieces one by one, so a failed migration would stay half applied. And it uses the database itself as its shadow
 * database when the URL names one. And it listens to the errors of a connection a moment after the pool has stopped.
 */
export function createPostgresAdapter(config: PoolConfig): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg(config, LISTENERS)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      const pool = connection.underlyingDriver()
      pool.on('connect', bearErrors)
      pool.on('release', (_error, client) => endUnlessIdle(client))
      // Without arguments the driver sends the text as it is, in one message, which PostgreSQL runs as one transaction.
      connection.executeScript = async (sql) => void (await connection.executeRaw({ sql, args: [], argTypes: [] }))
      return connection
    },
    connectToShadowDb: () => Promise.reject(new Error('Shadow databases exist on PGlite only')),
  }
}

/**
 * Keeps a listener on a connection for as long as it lives. The pool removes its own before the adapter adds one, and
 * the server's last words can come in the packet that makes the connection usable: an error that nobody listens to ends
 * the process. The user of the connection is told by its query that it is broken.
 */
function bearErrors(client: PoolClient): void {
  client.on('error', () => undefined)
}

/**
 * Closes a returned connection whose transaction is still open: a ROLLBACK that timed out was never sent. Otherwise the
 * next user of the connection writes into the open transaction, sees success, and loses its writes.
 */
function endUnlessIdle(client: PoolClient): void {
  // The pool calls this before it checks the client, and drops one that has ended.
  if (client.getTransactionStatus() !== 'I') void client.end()
}
