import { messages, PGlite } from '@electric-sql/pglite'
import {
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'

/**
 * Prisma's adapter for PGlite, with two workarounds. The adapter does not wait for the statements of a script, so a
 * failed migration would be recorded as applied. And it never closes its shadow databases.
 */
export function createPGliteAdapter(pglite: PGlite): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPGlite(pglite)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => withExecuteScript(await factory.connect(), pglite),
    async connectToShadowDb() {
      const shadow = new PGlite()
      const connection = withExecuteScript(await new PrismaPGlite(shadow).connect(), shadow)
      connection.dispose = () => shadow.close()
      return connection
    },
  }
}

/** Replaces `executeScript` by one that waits for the whole script. */
function withExecuteScript(connection: SqlDriverAdapter, pglite: PGlite): SqlDriverAdapter {
  connection.executeScript = async (script) => {
    try {
      await pglite.exec(script)
    } catch (error) {
      throw error instanceof messages.DatabaseError ? adapterError(error) : error
    }
  }
  return connection
}

/** The form in which Prisma's engine reads and records an error of the database. */
function adapterError({ code = '', severity = '', message, detail, column, hint }: messages.DatabaseError) {
  return new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint })
}
