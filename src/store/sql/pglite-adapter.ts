import { messages, PGlite } from '@electric-sql/pglite'
import {
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'

/**
 * Prisma's adapter for PGlite, with two mends: it does not wait for the statements of a script, so that a migration which
 * failed would be recorded as applied; and it leaves its shadow databases open.
 */
export function createPGliteAdapter(pglite: PGlite): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPGlite(pglite)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => mend(await factory.connect(), pglite),
    async connectToShadowDb() {
      const shadow = new PGlite()
      const connection = mend(await new PrismaPGlite(shadow).connect(), shadow)
      connection.dispose = () => shadow.close()
      return connection
    },
  }
}

function mend(connection: SqlDriverAdapter, pglite: PGlite): SqlDriverAdapter {
  connection.executeScript = async (script) => {
    try {
      await pglite.exec(script)
    } catch (error) {
      throw error instanceof messages.DatabaseError ? adapterError(error) : error
    }
  }
  return connection
}

/** The form in which Prisma's engine can read, and record, what the database said. */
function adapterError({ code = '', severity = '', message, detail, column, hint }: messages.DatabaseError) {
  return new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint })
}
