import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { onlyExpands } from '../../../scripts/only-expands.ts'
import { isExpanding, migrationList, readMigrations } from '../../../src/store/sql/migrations.ts'

it('migrations are read from their folders, in the order of their names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'atgate-migrations-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const name of ['2_second', '1_first', '10_third']) {
    await mkdir(join(folder, name))
    await writeFile(join(folder, name, 'migration.sql'), `SELECT '${name}'`)
  }
  await writeFile(join(folder, 'migration_lock.toml'), '')
  const script = "SELECT '10_third'"
  const migrations = await readMigrations(folder)
  expect(migrations.map(({ name }) => name)).toEqual(['10_third', '1_first', '2_second'])
  expect(migrations[0]).toEqual({
    name: '10_third',
    script,
    checksum: createHash('sha256').update(script).digest('hex'),
  })
})

it('our own migrations are read by default, in the form that the schema engine wants', async () => {
  const migrations = await readMigrations()
  expect(migrations[0]?.script).toContain('CREATE TABLE "Session"')
  const { migrationDirectories, lockfile, baseDir, shadowDbInitScript } = migrationList(migrations)
  expect(migrationDirectories).toEqual(
    migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  )
  expect(lockfile).toEqual({ path: 'migration_lock.toml', content: 'provider = "postgresql"\n' })
  expect(baseDir).toMatch(/prisma.migrations$/)
  expect(shadowDbInitScript).toBe('')
})

it('a migration of ours is named as one that only expands if it does, and not if it does not', async () => {
  const migrations = await readMigrations()
  // The first one has nothing to expand.
  for (const { name, script } of migrations.slice(1)) expect(isExpanding(name), name).toBe(onlyExpands(script))
})

it.each([
  'CREATE TABLE "A" ("id" TEXT NOT NULL);\nCREATE UNIQUE INDEX "A_id" ON "A"("id");\nALTER TABLE "A" ADD CONSTRAINT "f" FOREIGN KEY ("id") REFERENCES "B"("id");',
  '-- AlterTable\nALTER TABLE "A" ADD COLUMN "b" TEXT,\nADD COLUMN "c" INTEGER NOT NULL DEFAULT 0;',
  'CREATE INDEX "A_b" ON "A"("b");',
])('only expands: %s', (script) => expect(onlyExpands(script)).toBe(true))

it.each([
  'ALTER TABLE "A" ADD COLUMN "b" TEXT NOT NULL;',
  'ALTER TABLE "A" ADD COLUMN "b" TEXT,\nDROP COLUMN "c";',
  'ALTER TABLE "A" DROP COLUMN "c";',
  'CREATE UNIQUE INDEX "A_b" ON "A"("b");',
  'ALTER TABLE "A" ADD CONSTRAINT "f" FOREIGN KEY ("id") REFERENCES "B"("id");',
  'DELETE FROM "A";',
  'CREATE TABLE "B" ("id" TEXT);\nDROP TABLE "A";',
])('does more than expand: %s', (script) => expect(onlyExpands(script)).toBe(false))
