import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { applyMigrations, MigrationError } from '../../../src/store/sql/migrate.ts'
import { type Migration, migrationList, NO_FILTERS, readMigrations } from '../../../src/store/sql/migrations.ts'
import { createPGliteAdapter } from '../../../src/store/sql/pglite-adapter.ts'
import { createPostgresAdapter } from '../../../src/store/sql/postgres-adapter.ts'
import { withSchemaEngine } from '../../../src/store/sql/schema-engine.ts'
import { createFreshDatabase } from '../../support/fresh-database.ts'

// The real engine, of which a test asks whether it was used.
vi.mock(import('../../../src/store/sql/schema-engine.ts'), { spy: true })

type Target = { adapter: SqlMigrationAwareDriverAdapterFactory; close(): Promise<void> }

async function openPGlite(): Promise<Target> {
  const pglite = new PGlite()
  return { adapter: createPGliteAdapter(pglite), close: () => pglite.close() }
}

async function openPostgres(): Promise<Target> {
  const { url, drop } = await createFreshDatabase()
  return { adapter: createPostgresAdapter({ connectionString: url, max: 2 }), close: drop }
}

describe.each([
  { name: 'PGlite', open: openPGlite, there: true },
  { name: 'PostgreSQL', open: openPostgres, there: inject('services').postgres },
])('migrations on $name', ({ open, there }) => {
  let target: Target

  beforeEach(async () => {
    if (there) target = await open()
  })
  afterEach(async () => {
    if (there) await target.close()
  })

  async function query(sql: string): Promise<unknown[][]> {
    const connection = await target.adapter.connect()
    try {
      return (await connection.queryRaw({ sql, args: [], argTypes: [] })).rows
    } finally {
      await connection.dispose()
    }
  }

  it.skipIf(!there)('are applied once, and recorded as prisma migrate deploy records them', async () => {
    const migrations = await readMigrations()
    expect(await applyMigrations(target.adapter)).toEqual(migrations.map(({ name }) => name))

    vi.mocked(withSchemaEngine).mockClear()
    expect(await applyMigrations(target.adapter)).toEqual([])
    expect(withSchemaEngine).not.toHaveBeenCalled()

    const recorded = await query(
      `SELECT migration_name, checksum, applied_steps_count, logs, finished_at >= started_at, length(id)
         FROM _prisma_migrations ORDER BY migration_name`,
    )
    expect(recorded).toEqual(migrations.map(({ name, checksum }) => [name, checksum, 1, null, true, 36]))
    const diagnosis = await withSchemaEngine({ adapter: target.adapter }, (engine) =>
      engine.diagnoseMigrationHistory({
        migrationsList: migrationList(migrations),
        optInToShadowDatabase: false,
        filters: NO_FILTERS,
      }),
    )
    expect(diagnosis).toMatchObject({ history: null, failedMigrationNames: [], editedMigrationNames: [] })
  })

  it.skipIf(!there)('refuse a history that is not theirs', async () => {
    await applyMigrations(target.adapter)
    const migrations = await readMigrations()
    const edited = migrations.map((migration) => ({ ...migration, checksum: 'another' }))
    await expect(applyMigrations(target.adapter, edited)).rejects.toThrow(/was altered after it was applied/)
    await expect(applyMigrations(target.adapter, [])).rejects.toThrow(/of a newer release/)
  })

  it.skipIf(!there)('let an older release start where a newer one has only expanded the schema', async () => {
    const [first, second] = [aMigration('CREATE TABLE a (id int)'), aMigration('CREATE TABLE b (id int)')]
    const older = { ...first, name: '20990101000000_first' }
    const expanding = { ...second, name: '20990102000000_expand_b' }
    await applyMigrations(target.adapter, [older, expanding])
    vi.mocked(withSchemaEngine).mockClear()
    const kept = await query('SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1')
    expect(await applyMigrations(target.adapter, [{ ...older, checksum: String(kept[0]?.[1]) }])).toEqual([])
    expect(withSchemaEngine).not.toHaveBeenCalled()
    expect(await query('SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1')).toEqual(kept)
  })

  it.skipIf(!there)('may hold whatever SQL can: semicolons in comments, strings and function bodies', async () => {
    const script = `-- one; two
      CREATE TABLE note (text text);
      INSERT INTO note VALUES ('a;b');
      DO $$ BEGIN INSERT INTO note VALUES ('c'); INSERT INTO note VALUES ('d'); END $$;`
    await applyMigrations(target.adapter, [aMigration(script)])
    expect(await query('SELECT text FROM note')).toEqual([['a;b'], ['c'], ['d']])
  })

  it.skipIf(!there)('stop at one that fails, leave nothing of it, and do not go on until it is resolved', async () => {
    const migrations = [aMigration('CREATE TABLE half (id int); SELECT 1/0;')]
    const refused = await applyMigrations(target.adapter, migrations).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(MigrationError)
    expect(refused).toMatchObject({ cause: { message: expect.stringContaining('division by zero') } })
    expect(
      await query(`SELECT to_regclass('half') IS NULL, logs LIKE '%division by zero%' FROM _prisma_migrations`),
    ).toEqual([[true, true]])
    await expect(applyMigrations(target.adapter, migrations)).rejects.toThrow(/20990101000000_test failed halfway/)
  })
})

it('the migrations make what schema.prisma says (npm run migration)', async () => {
  const pglite = new PGlite()
  onTestFinished(() => pglite.close())
  const schema = await readFile(new URL('../../../prisma/schema.prisma', import.meta.url), 'utf8')
  const difference = (wanted: string) =>
    withSchemaEngine({ adapter: createPGliteAdapter(pglite), schema: wanted }, async (engine) => {
      const { stdout } = await engine.diff({
        from: { tag: 'migrations', ...migrationList(await readMigrations()) },
        to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: wanted }] },
        script: true,
        exitCode: null,
        filters: NO_FILTERS,
      })
      return stdout
    })
  expect(await difference(schema)).toContain('empty migration')
  expect(await difference(`${schema}\nmodel Extra {\n  id String @id\n}\n`)).toContain('CREATE TABLE "Extra"')
})

function aMigration(script: string): Migration {
  return { name: '20990101000000_test', script, checksum: 'x' }
}
