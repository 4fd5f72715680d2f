import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../src/store/sql/database.ts'
import { applyMigrations } from '../../src/store/sql/migrate.ts'
import { createPGliteAdapter } from '../../src/store/sql/pglite-adapter.ts'
import { chromiumPath } from './chromium.ts'
import { createFreshDatabase } from './fresh-database.ts'
import { forkNetwork } from './network.ts'
import { findServices, type Services } from './services.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Over which stores this project runs its gateways. */
    stores: 'embedded' | 'services'
    services: Services
    chromium: string | null
    plcUrl: string
    pdsUrl: string
    /** A dumped PGlite with every migration, to start from. */
    pgliteImage: string
    /** A PostgreSQL database with every migration, to copy. */
    template: string
    /** PEM of the certificate and key that the PDS takes for those of the public name. */
    publicName: { cert: string; key: string }
  }
}

/** Once for the whole run: the atproto network, and migrated databases to start from. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await findServices()
  const chromium = chromiumPath()
  tellWhatIsMissing(services, chromium)
  const folder = await mkdtemp(join(tmpdir(), 'atgate-test-'))
  const [network, template, pgliteImage] = await Promise.all([
    forkNetwork(),
    services.postgres ? createTemplate() : null,
    dumpImage(join(folder, 'pglite.tar')),
  ])

  project.provide('services', services)
  project.provide('chromium', chromium)
  project.provide('plcUrl', network.plcUrl)
  project.provide('pdsUrl', network.pdsUrl)
  project.provide('publicName', network.publicName)
  project.provide('pgliteImage', pgliteImage)
  project.provide('template', template?.name ?? '')

  return async () => {
    await network.close()
    await template?.drop()
    await rm(folder, { recursive: true })
  }
}

/** In CI nothing is skipped; elsewhere nobody is to overlook what was. */
function tellWhatIsMissing({ postgres, redis }: Services, chromium: string | null): void {
  const missing = [
    ...(postgres ? [] : ['PostgreSQL does not answer: tests over PostgreSQL are skipped (TEST_DATABASE_URL)']),
    ...(redis ? [] : ['Redis does not answer: tests over Redis are skipped (TEST_REDIS_URL)']),
    ...(chromium === null ? ['Chromium was not found: tests in a browser are skipped (CHROMIUM_PATH)'] : []),
  ]
  if (missing.length === 0) return
  const lines = missing.map((line) => `  ${line}`).join('\n')
  if (process.env.CI) throw new Error(`In CI every test runs, but:\n${lines}`)
  process.stderr.write(`\n*** NOT EVERYTHING IS TESTED HERE ***\n${lines}\n\n`)
}

async function dumpImage(file: string): Promise<string> {
  const pglite = new PGlite()
  await applyMigrations(createPGliteAdapter(pglite))
  const image = await pglite.dumpDataDir('none')
  await writeFile(file, Buffer.from(await image.arrayBuffer()))
  await pglite.close()
  return file
}

async function createTemplate(): Promise<{ name: string; drop(): Promise<void> }> {
  const { url, drop } = await createFreshDatabase()
  const database = await openDatabase({ kind: 'postgresql', url })
  await database.close()
  return { name: new URL(url).pathname.slice(1), drop }
}
