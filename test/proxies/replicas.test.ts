import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { LogoutDocument } from '../../web/generated/graphql.ts'
import { fixture } from '../support/fixtures.ts'
import { addAccount, currentUserOf, dataOf, exchange, switchTo } from '../support/flows.ts'
import { freePort } from '../support/free-port.ts'
import { createFreshDatabase, type FreshDatabase } from '../support/fresh-database.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { type Program, startProgram } from '../support/process.ts'
import { isInstalled, NGINX_BEFORE_REPLICAS, type RunningProxy, startProxy } from '../support/proxy.ts'
import { hasRedisServer, type RedisServer, startRedis } from '../support/redis-servers.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { eventually } from '../support/tables.ts'

const { postgres } = inject('services')
const mayRun = inject('tier') === 'full' && postgres && hasRedisServer && isInstalled(NGINX_BEFORE_REPLICAS)

/** A replica as an operator runs it. */
type Replica = { program: Program; url: string }

describe.runIf(mayRun)('two replicas behind nginx, in turn', () => {
  let folder: string
  let fresh: FreshDatabase
  let redis: RedisServer
  let replicas: readonly [Replica, Replica]
  let proxy: RunningProxy
  let site: string
  let browser: HttpBrowser

  beforeAll(async () => {
    const [listens, gateway, replica] = [await freePort(), await freePort(), await freePort()]
    site = `http://127.0.0.1:${listens}`
    folder = await mkdtemp(join(tmpdir(), 'atgate-replicas-'))
    await fixture('network')
    fresh = await createFreshDatabase(await fixture('template'))
    redis = await startRedis()
    const env = {
      PUBLIC_URL: site,
      TRUST_PROXY: '127.0.0.1',
      DATABASE_URL: fresh.url,
      REDIS_URL: redis.url,
      ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64url')}`,
      PLC_DIRECTORY_URL: inject('plcUrl'),
      HANDLE_RESOLVER_URL: inject('pdsUrl'),
      ALLOW_INSECURE_PDS: 'on',
      MAX_EVENT_LOOP_DELAY: 'off',
    }
    const start = async (port: number): Promise<Replica> => {
      const program = startProgram('src/main.ts', { cwd: folder, env: { ...env, PORT: String(port) } })
      await program.says('atgate is listening')
      return { program, url: `http://127.0.0.1:${port}` }
    }
    replicas = await Promise.all([start(gateway), start(replica)])
    proxy = await startProxy(NGINX_BEFORE_REPLICAS, { listens, gateway, replica })
  })
  afterAll(async () => {
    await proxy?.close()
    for (const { program } of replicas ?? []) program.signal('SIGKILL')
    for (const { program } of replicas ?? []) await program.exitCode()
    await redis?.close()
    await fresh?.drop()
    await rm(folder, { recursive: true })
  })
  beforeEach(() => {
    browser = createHttpBrowser(site)
  })

  /** How often each replica has answered on a route. */
  const answered = (route: string) =>
    replicas.map(({ program }) => program.output().split(`"route":"${route}"`).length - 1)

  /** The browser at each of the replicas, past nginx. */
  const atEach = () => replicas.map(({ url }) => browser.at(url))

  const handlesAtEach = () => Promise.all(atEach().map(async (each) => (await currentUserOf(each))?.handle ?? null))

  it('finish at the one a flow that was begun at the other', async () => {
    const callback = await authorize(browser, 'alice.test')
    const began = answered('/auth/start')
    const destination = await followCallback(browser, callback)
    await eventually(async () => answered('/auth/callback').includes(1), 'the callback is logged')
    expect(answered('/auth/callback')).toEqual(began.toReversed())
    expect(dataOf(await exchange(browser, destination)).exchangeToken.account.handle).toBe('alice.test')
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
  })

  it('answer every request of one browser in turn, as the same person', async () => {
    await signIn(browser, 'alice.test')
    // The lines of the sign-in, too, may wait for others some milliseconds.
    await setTimeout(200)
    const before = answered('/graphql')
    for (let times = 0; times < 10; times++) expect((await currentUserOf(browser))?.handle).toBe('alice.test')
    const more = () => answered('/graphql').map((count, index) => count - (before[index] ?? 0))
    await eventually(async () => more().reduce((sum, count) => sum + count) === 10, 'ten requests are logged')
    expect(more()).toEqual([5, 5])
  })

  it.each([0, 1])('see within a second that replica %i has switched accounts', async (index) => {
    await signIn(browser, 'alice.test')
    const { account } = await addAccount(browser, 'bob.test')
    await eventually(async () => String(await handlesAtEach()) === 'bob.test,bob.test', 'both say bob')
    const alice = (await currentUserOf(browser))?.linkedAccounts.find(({ did }) => did !== account.did)
    dataOf(await switchTo(atEach()[index] as HttpBrowser, alice?.did ?? ''))
    await eventually(async () => String(await handlesAtEach()) === 'alice.test,alice.test', 'both say alice', 1000)
  })

  it.each([0, 1])('see within a second that replica %i has signed out', async (index) => {
    await signIn(browser, 'alice.test')
    expect(await handlesAtEach()).toEqual(['alice.test', 'alice.test'])
    const copy = browser.copy()
    dataOf(await (atEach()[index] as HttpBrowser).graphql(LogoutDocument))
    const seen = async () => {
      const users = replicas.map(async ({ url }) => currentUserOf(copy.at(url)))
      return (await Promise.all(users)).every((user) => user === null)
    }
    await eventually(seen, 'both refuse the session', 1000)
  })

  it('go on when one is killed: nginx asks the other', async () => {
    await signIn(browser, 'alice.test')
    replicas[1].program.signal('SIGKILL')
    await replicas[1].program.exitCode()
    for (let times = 0; times < 10; times++) expect((await currentUserOf(browser))?.handle).toBe('alice.test')
    await signIn(createHttpBrowser(site), 'bob.test')
  })
})
