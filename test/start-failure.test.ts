import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import { loadConfig } from '../src/config/config.ts'
import { explainStartFailure } from '../src/start-failure.ts'
import { fixture } from './support/fixtures.ts'
import { freePort } from './support/free-port.ts'
import { createFreshDatabase } from './support/fresh-database.ts'
import { startProgram } from './support/process.ts'
import { hasRedisServer, startCluster, startWatched } from './support/redis-servers.ts'
import { REDIS_URL } from './support/services.ts'
import { proxyUrl } from './support/tcp-proxy.ts'

const KEYS = { ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64url')}` }

describe('a gateway that cannot start says why in one line, and ends', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'atgate-start-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function expectLine(env: Record<string, string>, line: RegExp): Promise<void> {
    const PORT = String(await freePort())
    const gateway = startProgram('bin/atgate.js', { cwd: folder, env: { PORT, LOG_LEVEL: 'error', ...env } })
    expect(await gateway.exitCode()).toBe(1)
    expect(gateway.output().trimEnd()).toMatch(line)
    expect(gateway.output().trimEnd().split('\n')).toHaveLength(1)
  }

  async function aFreshDatabase(): Promise<URL> {
    const { url, drop } = await createFreshDatabase(await fixture('template'))
    onTestFinished(drop)
    return new URL(url)
  }

  async function administer(url: URL | string, sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: String(url) })
    await client.connect()
    await client.query(sql).finally(() => client.end())
  }

  it('without a database server', async () => {
    const port = await freePort()
    const env = { DATABASE_URL: `postgresql://me:hunter2@127.0.0.1:${port}/atgate`, ...KEYS }
    await expectLine(env, new RegExp(`^The database at 127.0.0.1:${port} cannot be reached. Check DATABASE_URL`))
  })

  it('with the name of a server that is nowhere', async () => {
    const env = { DATABASE_URL: 'postgresql://me:hunter2@db.invalid/atgate', ...KEYS }
    await expectLine(env, /^The database server db.invalid has no address. Check the host in DATABASE_URL.$/)
  })

  it('with a data folder that cannot be', async () => {
    await writeFile(join(folder, 'file'), '')
    await expectLine(
      { DATA_DIR: join(folder, 'file', 'data') },
      /^The folder .+data cannot be used: .*ENOTDIR.* Set DATA_DIR/,
    )
  })

  it('with an old Node', async () => {
    const pretend = 'Object.defineProperty(process.versions, "node", { value: "20.19.0" })'
    const old = `data:text/javascript,${encodeURIComponent(pretend)}`
    await expectLine({ NODE_OPTIONS: `--import=${old}` }, /^atgate needs Node 24 or later, and this is Node 20.19.0.$/)
  })

  describe.skipIf(!inject('services').postgres)('over PostgreSQL', () => {
    it('whose port is taken', async () => {
      const other = createServer().listen(0, '127.0.0.1')
      onTestFinished(() => void other.close())
      await once(other, 'listening')
      const { port } = other.address() as AddressInfo
      const env = { DATABASE_URL: (await aFreshDatabase()).href, PORT: String(port), ...KEYS }
      await expectLine(env, new RegExp(`^Port ${port} of .+ is taken. Stop what listens there, or set PORT.$`))
    })

    it('that is silent', async () => {
      const { proxy, url } = await proxyUrl((await aFreshDatabase()).href, 5432)
      onTestFinished(() => proxy.close())
      proxy.stall()
      await expectLine({ DATABASE_URL: url, ...KEYS }, /^The database at 127.0.0.1:\d+ cannot be reached/)
    })

    it('that has no such database', async () => {
      const url = await aFreshDatabase()
      url.pathname = '/nothing_here'
      await expectLine({ DATABASE_URL: url.href, ...KEYS }, /^The server has no database nothing_here. Create it/)
    })

    it('in which the user has no rights', async () => {
      const { url, drop } = await createFreshDatabase()
      const role = `nobody_${new URL(url).pathname.slice(-12)}`
      onTestFinished(drop)
      await administer(url, `CREATE ROLE ${role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
      onTestFinished(() => administer(url, `DROP OWNED BY ${role}; DROP ROLE ${role}`))
      const mine = Object.assign(new URL(url), { username: role })
      await expectLine({ DATABASE_URL: mine.href, ...KEYS }, new RegExp(`^The user ${role} may not create tables in `))
    })

    it('on which a newer release has changed the schema', async () => {
      const url = await aFreshDatabase()
      await administer(
        url,
        `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
         VALUES ('x', 'x', now(), '29990101000000_drop_sessions', 1)`,
      )
      await expectLine(
        { DATABASE_URL: url.href, ...KEYS },
        /29990101000000_drop_sessions of a newer release.*Start the newer one/,
      )
    })

    it.skipIf(!inject('services').redis)('and a Redis that refuses the password', async () => {
      const redis = new Redis(REDIS_URL)
      const user = `user-${Date.now()}`
      await redis.call('ACL', 'SETUSER', user, 'on', '>right', '~*', '&*', '+@all')
      onTestFinished(async () => {
        await redis.call('ACL', 'DELUSER', user)
        redis.disconnect()
      })
      const REDIS = Object.assign(new URL(REDIS_URL), { username: user, password: 'wrong' }).href
      const env = { DATABASE_URL: (await aFreshDatabase()).href, REDIS_URL: REDIS, ...KEYS }
      await expectLine(env, /^Redis refuses the user or the password in REDIS_URL/)
    })

    describe.runIf(inject('tier') === 'full' && hasRedisServer)('and a Redis of several servers', () => {
      it('whose Sentinels refuse the password', async () => {
        const watched = await startWatched()
        onTestFinished(() => watched.close())
        const REDIS = { REDIS_URL: watched.url, REDIS_SENTINEL_PASSWORD: 'wrong' }
        const env = { DATABASE_URL: (await aFreshDatabase()).href, ...REDIS, ...KEYS }
        await expectLine(env, /^The Sentinels in REDIS_URL refuse the password.* Check REDIS_SENTINEL_PASSWORD.$/)
      })

      it('that refuses the password of the cluster', async () => {
        const cluster = await startCluster()
        onTestFinished(() => cluster.close())
        const REDIS_URL = cluster.url.replace(/:[^:]+@/, ':wrong@')
        const env = { DATABASE_URL: (await aFreshDatabase()).href, REDIS_URL, ...KEYS }
        await expectLine(env, /^Redis refuses the user or the password in REDIS_URL/)
      })
    })
  })
})

describe('what a server or a file system says', () => {
  const config = loadConfig({ DATABASE_URL: 'postgresql://me:hunter2@db.example.com/atgate', ...KEYS })
  const explained = (error: unknown) => explainStartFailure(error, config)
  const withCode = (code: string, more: object = {}) => Object.assign(new Error('refused'), { code, ...more })

  it.each([
    ['28P01', 'The database refuses the password of me. Check DATABASE_URL.'],
    ['28000', 'The database refuses the user me. Check DATABASE_URL, and its pg_hba.conf.'],
    ['53300', 'The database has too many connections. Close some, or raise max_connections.'],
  ])('is explained: %s', (code, line) => {
    expect(explained(withCode(code))).toBe(line)
    expect(explained(new Error('not migrated', { cause: withCode(code) }))).toBe(line)
  })

  it('is explained where only one of several addresses tells it', () => {
    const error = new AggregateError([new Error('no route'), withCode('ECONNREFUSED')])
    expect(explained(error)).toMatch(/^The database at db.example.com cannot be reached/)
  })

  it('never shows the password', () => {
    for (const code of ['28P01', '28000', '3D000', '42501', 'ENOTFOUND', 'ECONNREFUSED', 'EADDRINUSE']) {
      expect(explained(withCode(code))).not.toContain('hunter2')
    }
  })

  it('is not explained where nobody foresaw it', () => {
    expect(explained(new TypeError('a mistake'))).toBeNull()
    expect(explained('nothing')).toBeNull()
  })
})
