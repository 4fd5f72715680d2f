import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { type DatabaseOptions, MIGRATION_LOCK, openDatabase } from '../../../src/store/sql/database.ts'
import { readMigrations } from '../../../src/store/sql/migrations.ts'
import { fixture, pgliteImage } from '../../support/fixtures.ts'
import { createFreshDatabase } from '../../support/fresh-database.ts'
import { POSTGRES_URL } from '../../support/services.ts'

/** The advisory lock that Prisma's own engine takes. */
const ENGINE_LOCK = 72707369

describe('the embedded database', () => {
  it('keeps its data between starts, and is one process’s alone', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'atgate-database-'))
    onTestFinished(() => rm(parent, { recursive: true }))
    const dataDir = join(parent, 'data')
    const first = await openDatabase({ kind: 'embedded', dataDir })
    await first.prisma.sessionGroup.create({ data: { activeDid: '', id: 'group' } })
    await expect(lockInAnotherProcess(dataDir)).rejects.toThrow(/Another process uses .*DATA_DIR/)
    expect(await readdir(parent)).toEqual(['data'])
    await first.close()

    const second = await openDatabase({ kind: 'embedded', dataDir })
    expect(await second.prisma.sessionGroup.count()).toBe(1)
    await second.close()
    await expect(lockInAnotherProcess(dataDir)).resolves.toBeDefined()
  })
})

describe.skipIf(!inject('services').postgres)('replicas that start at once', () => {
  it('migrate one at a time', async () => {
    const { url } = await freshDatabase()
    const databases = await Promise.all(Array.from({ length: 5 }, () => openDatabase({ kind: 'postgresql', url })))
    for (const { prisma, close } of databases) {
      const recorded = await prisma.$queryRaw<unknown[]>`SELECT 1 FROM _prisma_migrations`
      expect(recorded).toHaveLength((await readMigrations()).length)
      await close()
    }
  })

  it('wait for the one that migrates, however long it takes', async () => {
    const { url } = await freshDatabase()
    const first = await connect(url)
    await first.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    let isOpen = false
    const opening = openDatabase({ kind: 'postgresql', url }).finally(() => {
      isOpen = true
    })
    await expect.poll(() => waitingFor(url, MIGRATION_LOCK)).toHaveLength(1)
    expect(isOpen).toBe(false)
    await first.end()
    await (await opening).close()
  })

  it('outlive the loss of that lock, because Prisma’s engine has one too, and leave neither behind', async () => {
    const { url } = await freshDatabase()
    const other = await connect(url)
    await other.query('SELECT pg_advisory_lock($1)', [ENGINE_LOCK])
    const opening = openDatabase({ kind: 'postgresql', url })
    await expect.poll(() => waitingFor(url, ENGINE_LOCK)).toHaveLength(1)
    await onServer('SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = $1', [MIGRATION_LOCK])
    await other.query('SELECT pg_advisory_unlock($1)', [ENGINE_LOCK])
    const database = await opening
    await expect.poll(() => advisoryLocks(url)).toEqual([])
    await database.close()
    await other.end()
  })

  it('do not start against a database that is not there', async () => {
    const url = 'postgresql://root@127.0.0.1:1/nothing'
    await expect(openDatabase({ kind: 'postgresql', url })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe.each<{ store: string; open: () => Promise<DatabaseOptions>; there: boolean }>([
  {
    store: 'PGlite',
    open: async () => ({ kind: 'memory', image: await pgliteImage() }),
    there: true,
  },
  {
    store: 'PostgreSQL',
    open: async () => ({ kind: 'postgresql', url: (await freshDatabase(await fixture('template'))).url }),
    there: inject('services').postgres,
  },
])('on $store', ({ open, there }) => {
  it.skipIf(!there)('a session comes with its account and its grant in one statement', async () => {
    const statements: string[] = []
    const { prisma, close } = await openDatabase({ ...(await open()), onQuery: (sql) => void statements.push(sql) })
    await prisma.sessionGroup.create({ data: { activeDid: '', id: 'group' } })
    const read = async (relationLoadStrategy: 'join' | 'query') => {
      statements.length = 0
      const include = { sessions: { include: { account: true, grant: true } } }
      await prisma.sessionGroup.findUnique({ where: { id: 'group' }, include, relationLoadStrategy })
      return statements.length
    }
    expect(await read('join')).toBe(1)
    expect(await read('query')).toBeGreaterThan(1)
    await close()
  })
})

async function freshDatabase(template?: string) {
  const fresh = await createFreshDatabase(template)
  onTestFinished(fresh.drop)
  return fresh
}

function lockInAnotherProcess(dataDir: string): Promise<unknown> {
  const module = new URL('../../../src/store/sql/data-dir-lock.ts', import.meta.url)
  const script = `const { lockDataDir } = await import(${JSON.stringify(module)})
    await (await lockDataDir(${JSON.stringify(dataDir)}, { waitMs: 0 }))()`
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

async function onServer(sql: string, values: unknown[]): Promise<unknown[]> {
  const client = await connect(POSTGRES_URL)
  try {
    return (await client.query(sql, values)).rows
  } finally {
    await client.end()
  }
}

async function advisoryLocks(url: string) {
  return onServer(
    `SELECT objid, granted FROM pg_locks JOIN pg_database ON pg_database.oid = database
      WHERE locktype = 'advisory' AND datname = $1`,
    [new URL(url).pathname.slice(1)],
  )
}

async function waitingFor(url: string, lock: number) {
  return (await advisoryLocks(url)).filter((row) => JSON.stringify(row) === `{"objid":${lock},"granted":false}`)
}
