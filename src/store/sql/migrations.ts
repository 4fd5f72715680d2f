import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url))

/** A migration of prisma/migrations. The checksum is the one that Prisma records: SHA-256 of the script, in hex. */
export type Migration = { name: string; script: string; checksum: string }

/**
 * Whether a migration only adds what an older release does not look at: its name says so, because the older release has
 * no more than the name. A test holds those of ours to it.
 */
export function isExpanding(name: string): boolean {
  return /^\d+_expand_/.test(name)
}

/** Reads the migrations, in the order in which they are applied. */
export async function readMigrations(folder = FOLDER): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => {
      const script = await readFile(join(folder, name, 'migration.sql'), 'utf8')
      return { name, script, checksum: hash('sha256', script, 'hex') }
    }),
  )
}

/** The migrations in the form that the schema engine reads. */
export function migrationList(migrations: readonly Migration[]) {
  return {
    baseDir: FOLDER,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: script } },
    })),
  }
}

/** No tables or enums are managed by other tools. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] }
