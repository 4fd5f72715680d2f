import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { migrationList, NO_FILTERS, readMigrations } from '../src/store/sql/migrations.ts'
import { createPGliteAdapter } from '../src/store/sql/pglite-adapter.ts'
import { withSchemaEngine } from '../src/store/sql/schema-engine.ts'
import { onlyExpands } from './only-expands.ts'

// Writes the difference between the existing migrations and prisma/schema.prisma as a new migration. Compares in
// memory.
const [name] = process.argv.slice(2)
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
  process.stderr.write('Usage: npm run migration -- name_in_snake_case\n')
  process.exit(1)
}

const folder = new URL('../prisma/migrations/', import.meta.url)
await mkdir(folder, { recursive: true })
const schema = await readFile(new URL('../schema.prisma', folder), 'utf8')
const pglite = new PGlite()
const { stdout: script } = await withSchemaEngine({ adapter: createPGliteAdapter(pglite), schema }, async (engine) =>
  engine.diff({
    from: { tag: 'migrations', ...migrationList(await readMigrations()) },
    to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
    script: true,
    exitCode: null,
    filters: NO_FILTERS,
  }),
)
await pglite.close()

if (script === null || script.includes('This is an empty migration')) {
  process.stdout.write('schema.prisma and the migrations agree. There is nothing to migrate.\n')
} else {
  const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const wholeName = `${timestamp}_${onlyExpands(script) ? 'expand_' : ''}${name}`
  const directory = new URL(`${wholeName}/`, folder)
  await mkdir(directory)
  await writeFile(new URL('migration.sql', directory), script)
  process.stdout.write(`Wrote prisma/migrations/${wholeName}/migration.sql\n`)
}
