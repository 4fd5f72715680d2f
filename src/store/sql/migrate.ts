import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { isExpanding, type Migration, migrationList, NO_FILTERS, readMigrations } from './migrations.ts'
import { withSchemaEngine } from './schema-engine.ts'

/** A database that cannot be migrated to the schema of this release. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/**
 * Applies the missing migrations with Prisma's own engine, so that `_prisma_migrations` contains what `prisma migrate
 * deploy` would have written. The caller must make sure that no other process migrates at the same time.
 * A newer release may have run before: where it has only expanded the schema, this one starts on it.
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

/**
 * @returns whether nothing is left to apply
 * @throws MigrationError when the history of the database is not a part of ours, but for migrations that only expand
 */
function isUpToDate(wanted: readonly Migration[], applied: readonly Applied[]): boolean {
  const byName = new Map(wanted.map((migration) => [migration.name, migration]))
  for (const { name, checksum, finished } of applied) {
    const migration = byName.get(name)
    if (!finished)
      throw new MigrationError(`The migration ${name} failed halfway. Resolve it with prisma migrate resolve.`)
    if (migration === undefined && isExpanding(name)) continue
    if (migration === undefined) {
      throw new MigrationError(
        `The database has the migration ${name} of a newer release, with which this one cannot work. Start the newer one.`,
      )
    }
    if (migration.checksum !== checksum) {
      throw new MigrationError(`The migration ${name} was altered after it was applied. Restore its original text.`)
    }
  }
  const names = new Set(applied.map(({ name }) => name))
  return wanted.every(({ name }) => names.has(name))
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
