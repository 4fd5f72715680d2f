import { writeFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { applyMigrations } from '../../src/store/sql/migrate.ts'
import { createPGliteAdapter } from '../../src/store/sql/pglite-adapter.ts'

// Writes a dumped PGlite with every migration to the file that it is told. In a process of its own, since it takes
// seconds in which nothing else runs.

const [file] = process.argv.slice(2)
if (file === undefined) throw new TypeError('the file to write')
const pglite = new PGlite()
await applyMigrations(createPGliteAdapter(pglite))
const image = await pglite.dumpDataDir('none')
await writeFile(file, Buffer.from(await image.arrayBuffer()))
await pglite.close()
