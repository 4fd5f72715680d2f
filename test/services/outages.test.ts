import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { CurrentUserDocument, ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import { addAccount, codeOf, dataOf, reachedBy, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { listen } from '../support/session-changes.ts'
import { authorize, followCallback, obtainExchangeToken, signIn } from '../support/sign-in.ts'
import { openServices } from '../support/stores.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'
import { proxyUrl, type TcpProxy } from '../support/tcp-proxy.ts'

describeGateway('outages', () => {
  let atgate: TestGateway
  let postgres: TcpProxy
  let redis: TcpProxy
  let browser: HttpBrowser

  beforeAll(async () => {
    const stores = await openServices(async (url) => {
      const isPostgres = url.startsWith('postgres')
      const proxied = await proxyUrl(url, isPostgres ? 5432 : 6379)
      if (isPostgres) postgres = proxied.proxy
      else redis = proxied.proxy
      return proxied.url
    })
    atgate = await startGateway({ TOKEN_AUDIENCES: 'https://api.example.com' }, stores)
  })
  afterAll(async () => {
    await atgate.close()
    await Promise.all([postgres.close(), redis.close()])
  })
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })

  /** As it is a second later: what was read before is trusted no more. */
  function breakPostgres(how: 'cut' | 'stall'): void {
    postgres[how]()
    atgate.gateway.runtime.sessionCache.clear()
  }

  const currentUser = () => browser.graphql(CurrentUserDocument)
  const start = () => browser.send('/auth/start?handle=alice.test', { headers: { accept: 'application/json' } })
  const heals = () => eventually(async () => (await start()).status === 200, 'flows can be started again')

  const readiness = async () => {
    const response = await browser.send('/readyz')
    return [response.status, response.status === 200 ? null : (await response.json()).message]
  }

  it.each([
    ['Redis', () => redis, 'The ephemeral store does not answer, or has hardly any space left.'],
    ['PostgreSQL', () => postgres, 'The database does not answer.'],
  ])('%s away: the gateway is alive and not ready, and ready again when it is back', async (_what, line, message) => {
    for (const breakLine of ['cut', 'stall'] as const) {
      await expect.poll(readiness).toEqual([200, null])
      line()[breakLine]()
      await expect.poll(readiness, { timeout: 10_000 }).toEqual([503, message])
      expect((await browser.send('/healthz')).status).toBe(200)
      line().restore()
      await expect.poll(readiness, { timeout: 10_000 }).toEqual([200, null])
    }
  })

  /** Signs in as far as the answer with the new cookie. Gives the former one. */
  async function signInAnew(handle: string) {
    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const input = { exchangeToken: await obtainExchangeToken(browser, handle) }
    dataOf(await browser.graphql(ExchangeTokenDocument, { input }))
    return { former }
  }

  it('Redis away: sessions go on, starting a flow says SERVICE_UNAVAILABLE, and it heals by itself', async () => {
    redis.cut()
    expect((await currentUser()).data?.currentUser?.handle).toBe('alice.test')
    const refused = await start()
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('2')
    expect(await refused.json()).toMatchObject({ error: 'SERVICE_UNAVAILABLE' })
    const exchanged = await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken: 'x'.repeat(43) } })
    expect(exchanged.errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE')
    expect(exchanged.response.status).toBe(503)
    redis.restore()
    await heals()
  })

  it('PostgreSQL away: a service is told 503, never that nobody is signed in, and keys are published for a while', async () => {
    const jwks = async () => (await browser.send('/auth/jwks.json')).status
    const verify = async () => {
      const response = await browser.send('/auth/verify?redirect=1', { headers: { accept: 'text/html' } })
      return [response.status, response.headers.get('x-auth-handle'), response.headers.get('location')]
    }
    const token = async () => {
      const headers = { origin: atgate.url }
      return (await browser.send('/auth/token', { method: 'POST', headers })).status
    }
    expect([await verify(), await token(), await jwks()]).toEqual([[200, 'alice.test', null], 200, 200])
    for (const breakLine of ['cut', 'stall'] as const) {
      breakPostgres(breakLine)
      expect([await verify(), await token()]).toEqual([[503, null, null], 503])
      expect(await jwks()).toBe(200)
      postgres.restore()
      await expect.poll(verify, { timeout: 10_000 }).toEqual([200, 'alice.test', null])
    }
    // Redis has no part in it.
    redis.cut()
    expect([await verify(), await token(), await jwks()]).toEqual([[200, 'alice.test', null], 200, 200])
    redis.restore()
    await heals()
  })

  it('Redis away at the callback: the flow is not lost, and goes on when it is back', async () => {
    const callback = new URL(await authorize(browser, 'alice.test'))
    redis.cut()
    const outcome = await followCallback(browser, callback.href)
    expect(Object.fromEntries(outcome.searchParams)).toEqual({ auth_error: 'temporarily_unavailable' })
    redis.restore()
    await heals()
    expect((await followCallback(browser, callback.href)).searchParams.has('exchange_token')).toBe(true)
  })

  it('Redis frozen at the callback: what was asked of it all the same when it thaws takes nothing away', async () => {
    const callback = await authorize(browser, 'alice.test')
    redis.stall()
    const outcome = await followCallback(browser, callback)
    expect(Object.fromEntries(outcome.searchParams)).toEqual({ auth_error: 'temporarily_unavailable' })
    redis.restore()
    await heals()
    expect((await followCallback(browser, callback)).searchParams.has('exchange_token')).toBe(true)
  })

  it.each(['Redis', 'PostgreSQL'])(
    '%s away at the exchange: 503, and the same exchange works when it is back',
    async (name) => {
      const store = name === 'Redis' ? redis : postgres
      const input = { exchangeToken: await obtainExchangeToken(browser, 'bob.test') }
      store.cut()
      const refused = await browser.graphql(ExchangeTokenDocument, { input })
      expect(refused.response.status).toBe(503)
      expect(refused.errors[0]?.extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfter: 2 })
      store.restore()
      await eventually(async () => (await currentUser()).data?.currentUser?.handle === 'alice.test', 'it heals')
      await heals()
      expect(dataOf(await browser.graphql(ExchangeTokenDocument, { input })).exchangeToken.account.handle).toBe(
        'bob.test',
      )
      expect(codeOf(await browser.graphql(ExchangeTokenDocument, { input }))).toBe('EXCHANGE_TOKEN_INVALID')
    },
  )

  it('Redis away: tabs cannot listen, those that do are told again when it is back, and switching works all the while', async () => {
    const bob = await addAccount(browser, 'bob.test')
    const tab = await listen(browser)
    const closed = await listen(browser)
    redis.cut()
    closed.close()
    const refused = await listen(browser)
    expect(refused.status).toBe(503)
    await eventually(async () => refused.kinds.includes('SERVICE_UNAVAILABLE'), 'it is refused')
    const [alice] = (await currentUser()).data?.currentUser?.linkedAccounts ?? []
    expect(codeOf(await switchTo(browser, alice?.did ?? ''))).toBeUndefined()
    expect(tab.kinds).toEqual([])
    redis.restore()
    await heals()
    await eventually(async () => {
      const again = await currentUser()
      const isBob = again.data?.currentUser?.did === bob.account.did
      await switchTo(browser, isBob ? (alice?.did ?? '') : bob.account.did)
      return tab.kinds.length > 0
    }, 'the tab is told of a switch')
    expect(new Set(tab.kinds)).toEqual(new Set(['ACCOUNT_SWITCHED']))
    expect(tab.hasEnded()).toBe(false)
    tab.close()
  })

  it('Redis away at the first use of a cookie: it replaces the former one all the same', async () => {
    const { former } = await signInAnew('bob.test')
    redis.cut()
    expect((await currentUser()).data?.currentUser?.handle).toBe('bob.test')
    expect(await reachedBy(browser, former)).toBe('UNAUTHENTICATED')
    redis.restore()
    await heals()
  })

  it('PostgreSQL away: a tab that listens is not told wrong things, and nothing crashes', async () => {
    const tab = await listen(browser)
    const { db, ephemeral } = atgate.gateway.stores
    const { groupId } = await db.session.findFirstOrThrow({ orderBy: { createdAt: 'desc' } })
    breakPostgres('cut')
    await ephemeral.publish(`session-group:${groupId}`, 'ACCOUNT_REMOVED')
    await eventually(async () => tab.hasEnded(), 'the stream breaks')
    postgres.restore()
    await eventually(() => currentUser().then(({ data }) => data?.currentUser?.handle === 'alice.test'), 'it heals')
    const again = await listen(browser)
    expect(again.status).toBe(200)
    again.close()
  })

  it('PostgreSQL away: 503, no crash, nobody signed out, and it heals by itself', async () => {
    breakPostgres('cut')
    const { errors, response } = await currentUser()
    expect(errors[0]?.extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfter: 2 })
    expect(response.status).toBe(503)
    expect(response.headers.getSetCookie()).toEqual([])
    const reqId = response.headers.get('x-request-id')
    const logged = atgate.logLines.map((line) => JSON.parse(line)).filter((line) => line.reqId === reqId)
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: 40,
        code: 'SERVICE_UNAVAILABLE',
        detail: 'database unavailable',
        err: expect.objectContaining({ message: expect.stringMatching(/connect|terminated|closed/i) }),
      }),
    )
    postgres.restore()
    await eventually(async () => (await currentUser()).data?.currentUser?.handle === 'alice.test', 'it heals')
  })

  it('PostgreSQL away at the first use of a cookie: 503, and it is as good when it is back', async () => {
    const { former } = await signInAnew('bob.test')
    breakPostgres('cut')
    const { response } = await currentUser()
    expect(response.status).toBe(503)
    expect(response.headers.getSetCookie()).toEqual([])
    postgres.restore()
    await eventually(async () => (await currentUser()).data?.currentUser?.handle === 'bob.test', 'it heals')
    expect(await reachedBy(browser, former)).toBe('UNAUTHENTICATED')
  })

  it('PostgreSQL away at the callback: the flow is refused, and leaves nothing behind', async () => {
    const callback = await authorize(browser, 'alice.test')
    const sessions = await atgate.gateway.stores.db.session.count()
    breakPostgres('cut')
    const outcome = (await followCallback(browser, callback)).searchParams
    expect(Object.fromEntries(outcome)).toEqual({ auth_error: 'temporarily_unavailable', auth_error_flow: 'login' })
    postgres.restore()
    await eventually(() => currentUser().then(({ data }) => data?.currentUser?.handle === 'alice.test'), 'it heals')
    expect(await atgate.gateway.stores.db.session.count()).toBe(sessions)
    expect((await followCallback(browser, callback)).searchParams.has('exchange_token')).toBe(true)
  })
})
