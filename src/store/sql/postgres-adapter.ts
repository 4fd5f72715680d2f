import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import pg, { type PoolClient, type PoolConfig } from 'pg'
import { createStatementNames } from './statement-names.ts'

/** The protocol's own name for a statement that is not kept. */
const UNNAMED = ''

// The pool replaces a broken idle connection, and the query that needs a connection reports what is wrong.
const LISTENERS = { onPoolError: () => undefined, onConnectionError: () => undefined }

/**
 * Prisma's adapter for PostgreSQL, with four workarounds. The adapter returns connections to the pool in the middle of
 * a transaction. It splits a script at every semicolon, also in comments, strings and function bodies, and sends the
 * pieces one by one, so a failed migration would stay half applied. And it uses the database itself as its shadow
 * database when the URL names one. And it listens to the errors of a connection a moment after the pool has stopped.
 * @param pool from createPostgresPool, which its owner ends; or what each connection of the adapter makes one of
 * @param options `hasNames`: lets connections keep the plans of the statements that come again
 */
export function createPostgresAdapter(
  pool: pg.Pool | PoolConfig,
  { hasNames = false }: { hasNames?: boolean } = {},
): SqlMigrationAwareDriverAdapterFactory {
  const names = hasNames ? createStatementNames() : undefined
  const factory = new PrismaPg(pool, {
    ...LISTENERS,
    ...(names && { statementNameGenerator: ({ sql }) => names(sql) ?? UNNAMED }),
  })
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      if (!(pool instanceof pg.Pool)) watchConnections(connection.underlyingDriver())
      // Without arguments the driver sends the text as it is, in one message, which PostgreSQL runs as one transaction.
      connection.executeScript = async (sql) => void (await connection.executeRaw({ sql, args: [], argTypes: [] }))
      return connection
    },
    connectToShadowDb: () => Promise.reject(new Error('Shadow databases exist on PGlite only')),
  }
}

/** Makes a pool whose connections may break. */
export function createPostgresPool(config: PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', () => undefined)
  watchConnections(pool)
  return pool
}

function watchConnections(pool: pg.Pool): void {
  pool.on('connect', bearErrors)
  pool.on('release', (_error, client) => endUnlessIdle(client))
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
