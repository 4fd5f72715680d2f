import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { type Migration, migrationList, NO_FILTERS, readMigrations } from './migrations.ts'
import { withSchemaEngine } from './schema-engine.ts'

/** A database that cannot be migrated to the schema of this release. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/**
 * Applies the missing migrations with Prisma's own engine, so that `_prisma_migrations` contains what `prisma migrate
 * deploy` would have written. The caller must make sure that no other process migrates at the same time.
 * @returns the names of the migrations that were applied
 * @throws MigrationError when the database has failed, altered or unknown migrations
 */
export async function applyMigrations(
  adapter: SqlMigrationAwareDriverAdapterFactory,
  migrations?: readonly Migration[],
): Promise<string[]> {
  const wanted = migrations ?? (await readMigrations())
  // Loading the engine takes a second, and at most starts there is nothing to migrate.
  if (isUpToDate(wanted, await appliedMigrations(adapter))) return []
  try {
    const { appliedMigrationNames } = await withSchemaEngine({ adapter }, (engine) =>
      engine.applyMigrations({ migrationsList: migrationList(wanted), filters: NO_FILTERS }),
    )
    return appliedMigrationNames
  } catch (error) {
    throw new MigrationError('The migrations were not applied. The cause says which one failed, or why.', {
      cause: error,
    })
  }
}

type Applied = { name: string; checksum: string; finished: boolean }

/** @throws MigrationError when the history of the database is not a part of ours */
function isUpToDate(wanted: readonly Migration[], applied: readonly Applied[]): boolean {
  const byName = new Map(wanted.map((migration) => [migration.name, migration]))
  for (const { name, checksum, finished } of applied) {
    const migration = byName.get(name)
    if (!finished)
      throw new MigrationError(`The migration ${name} failed halfway. Resolve it with prisma migrate resolve.`)
    if (migration === undefined) {
      throw new MigrationError(`The database has the migration ${name}, unknown here. It belongs to a newer release.`)
    }
    if (migration.checksum !== checksum) {
      throw new MigrationError(`The migration ${name} was altered after it was applied. Restore its original text.`)
    }
  }
  return applied.length === wanted.length
}

async function appliedMigrations(adapter: SqlMigrationAwareDriverAdapterFactory): Promise<Applied[]> {
  const connection = await adapter.connect()
  try {
    const rows = async (sql: string) => (await connection.queryRaw({ sql, args: [], argTypes: [] })).rows
    const [[exists] = []] = await rows(`SELECT to_regclass('_prisma_migrations') IS NOT NULL`)
    if (exists !== true) return []
    const applied = await rows(
      'SELECT migration_name, checksum, finished_at IS NOT NULL FROM _prisma_migrations WHERE rolled_back_at IS NULL',
    )
    return applied.map(([name, checksum, finished]) => ({
      name: String(name),
      checksum: String(checksum),
      finished: finished === true,
    }))
  } finally {
    await connection.dispose()
  }
}
