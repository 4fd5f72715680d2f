import { execFile } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { chromiumPath } from './chromium.ts'
import { serveFixtures } from './fixtures-server.ts'
import { createFreshDatabase, type FreshDatabase } from './fresh-database.ts'
import { reserveNetwork } from './network.ts'
import { isInstalled, NGINX } from './proxy.ts'
import { findServices, type Services } from './services.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Over which stores this project runs its gateways. */
    stores: 'embedded' | 'services'
    /** What `npm test` runs, or `npm run test:full`, which takes its time. */
    tier: 'usual' | 'full'
    services: Services
    chromium: string | null
    plcUrl: string
    pdsUrl: string
    /** Where the test run says that a fixture is made (`fixture` in fixtures.ts). */
    fixturesUrl: string
  }
}

/**
 * Once for the whole run: finds what the machine has, and serves the atproto network and migrated databases to whoever
 * asks for them. A run of tests that need none of it starts none of it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await findServices()
  const chromium = chromiumPath({ isWhole: project.getProvidedContext().tier === 'full' })
  tellWhatIsMissing(services, chromium)
  const folder = await mkdtemp(join(tmpdir(), 'atgate-test-'))
  const network = await reserveNetwork()
  const databases: FreshDatabase[] = []
  const fixtures = await serveFixtures({
    network: () => network.start(),
    pgliteImage: () => dumpImage(folder),
    async template() {
      const template = await createFreshDatabase()
      databases.push(template)
      return migrate(template)
    },
  })

  project.provide('services', services)
  project.provide('chromium', chromium)
  project.provide('plcUrl', network.plcUrl)
  project.provide('pdsUrl', network.pdsUrl)
  project.provide('fixturesUrl', fixtures.url)

  return async () => {
    await fixtures.close()
    await network.close()
    for (const { drop } of databases) await drop()
    await rm(folder, { recursive: true })
  }
}

/** In CI nothing is skipped; elsewhere nobody is to overlook what was. */
function tellWhatIsMissing({ postgres, redis }: Services, chromium: string | null): void {
  const missing = [
    ...(postgres ? [] : ['PostgreSQL does not answer: tests over PostgreSQL are skipped (TEST_DATABASE_URL)']),
    ...(redis ? [] : ['Redis does not answer: tests over Redis are skipped (TEST_REDIS_URL)']),
    ...(chromium === null ? ['Chromium was not found: tests in a browser are skipped (CHROMIUM_PATH)'] : []),
    ...(isInstalled(NGINX) ? [] : ['nginx was not found: tests of a service behind it are skipped']),
  ]
  if (missing.length === 0) return
  const lines = missing.map((line) => `  ${line}`).join('\n')
  if (process.env.CI) throw new Error(`In CI every test runs, but:\n${lines}`)
  process.stderr.write(`\n*** NOT EVERYTHING IS TESTED HERE ***\n${lines}\n\n`)
}

/**
 * Makes the image of a migrated PGlite, which takes ten seconds, or takes the one that an earlier run kept for the same
 * migrations and the same PGlite.
 */
async function dumpImage(folder: string): Promise<string> {
  const { readMigrations } = await import('../../src/store/sql/migrations.ts')
  const { version } = JSON.parse(await readFile('node_modules/@electric-sql/pglite/package.json', 'utf8'))
  const madeOf = [version, ...(await readMigrations()).map(({ name, checksum }) => `${name} ${checksum}`)]
  const kept = join('node_modules/.cache/atgate', `pglite-${hash('sha256', madeOf.join(), 'hex')}.tar`)
  if (existsSync(kept)) return resolve(kept)
  const file = join(folder, 'pglite.tar')
  const program = fileURLToPath(new URL('./pglite-image.ts', import.meta.url))
  await promisify(execFile)(process.execPath, [program, file])
  await mkdir(dirname(kept), { recursive: true })
  // Copied aside and moved into place, so that no run finds half of it.
  const aside = `${kept}.${randomUUID()}`
  await copyFile(file, aside)
  await rename(aside, kept)
  return resolve(kept)
}

/** Applies every migration. Gives the name of the database, to which nobody is connected any more. */
async function migrate({ url }: FreshDatabase): Promise<string> {
  const { openDatabase } = await import('../../src/store/sql/database.ts')
  const database = await openDatabase({ kind: 'postgresql', url })
  await database.close()
  return new URL(url).pathname.slice(1)
}
