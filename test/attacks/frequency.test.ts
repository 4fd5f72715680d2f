import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { newId, newSecret } from '../../src/platform/random.ts'
import {
  CurrentUserDocument,
  ExchangeTokenDocument,
  LogoutDocument,
  StartAddAccountDocument,
} from '../../web/generated/graphql.ts'
import { codeOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

// The attacks: starts without end, which make the gateway push requests to servers of the attacker's choice and look
// handles up; and wrong tokens without end, each of which costs a look-up in a store.
describeGateway('requests without end', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let addresses = 0
  let address: string

  beforeAll(async () => {
    atgate = await startGateway({ RATE_LIMITS: 'starts=3,failures=3,sessionStarts=2', TRUST_PROXY: '127.0.0.1' })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    address = newAddress()
    // For the sign-ins, which come from the address of the tests.
    await atgate.stores.advance(61_000)
  })

  const newAddress = () => `203.0.113.${++addresses}`
  const from = (ip = address) => ({ 'x-forwarded-for': ip })
  /** Starts that no server is asked about, so that they cost a test nothing. */
  const start = (ip = address, handle = 'not a handle') =>
    browser.send(`/auth/start?${new URLSearchParams({ handle })}`, {
      headers: { accept: 'application/json', ...from(ip) },
    })
  const statusesOf = async (times: number, ask: () => Promise<{ status: number }>) => {
    const statuses: number[] = []
    for (let count = 0; count < times; count++) statuses.push((await ask()).status)
    return statuses
  }

  describe('that start flows', () => {
    it('are refused after as many as one address has in a minute, with when to try again', async () => {
      expect(await statusesOf(3, start)).toEqual([400, 400, 400])
      const refused = await start()
      expect(refused.status).toBe(429)
      const after = Number(refused.headers.get('retry-after'))
      expect(after).toBeGreaterThan(0)
      expect(after).toBeLessThanOrEqual(60)
      expect(await refused.json()).toEqual({
        error: 'RATE_LIMITED',
        message: expect.stringContaining(`Try again in ${after} second`),
      })
      expect((await start(newAddress())).status).toBe(400)
      await atgate.stores.advance(61_000)
      expect((await start()).status).toBe(400)
    })

    it('count where no account has the handle, and nothing is looked up for those that are refused', async () => {
      expect(await statusesOf(4, () => start(address, 'nobody.test'))).toEqual([404, 404, 404, 429])
    })

    it('count the page that asks and the one that goes on, and get a page that keeps what was typed', async () => {
      const path = '/auth/start?handle=alice.test'
      const elsewhere = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site', ...from() }
      expect(await statusesOf(3, () => browser.navigate(path, elsewhere))).toEqual([200, 200, 200])
      const before = await flowsOf(atgate)
      for (const site of ['cross-site', 'same-origin']) {
        const { status, headers, text } = await browser.navigate(path, { ...elsewhere, 'sec-fetch-site': site })
        expect(status).toBe(429)
        expect(headers['retry-after']).toMatch(/^\d+$/)
        expect(headers['content-type']).toMatch(/^text\/html/)
        expect(text).toContain('Too many sign-ins were started from this address.')
        expect(text).toContain('value="alice.test"')
      }
      expect(await flowsOf(atgate)).toEqual(before)
    })

    it('count a network of IPv6 as one address, and an IPv4 address however it is written', async () => {
      const sixes = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::3', '2001:db8::4']
      expect(await Promise.all(sixes.map(async (ip) => (await start(ip)).status))).toContain(429)
      expect((await start('2001:db8:0:1::1')).status).toBe(400)
      await statusesOf(3, () => start(`::ffff:${address}`))
      expect((await start()).status).toBe(429)
    })

    it('are refused in GraphQL too, and count together with the others', async () => {
      await signIn(browser, 'alice.test')
      await statusesOf(3, start)
      const variables = { input: { handle: 'bob.test' } }
      const answer = await browser.graphql(StartAddAccountDocument, variables, from())
      expect(answer.response.status).toBe(429)
      expect(answer.errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) })
      expect(answer.response.headers.get('retry-after')).toBe(String(answer.errors[0]?.extensions.retryAfter))
      expect(answer.response.headers.get('access-control-expose-headers')).toContain('retry-after')
    })

    it('are refused after as many as one session has, from whatever addresses', async () => {
      await signIn(browser, 'alice.test')
      const add = () => browser.graphql(StartAddAccountDocument, { input: { handle: 'no handle' } }, from(newAddress()))
      expect([codeOf(await add()), codeOf(await add())]).toEqual(['INVALID_HANDLE', 'INVALID_HANDLE'])
      const refused = await add()
      expect(codeOf(refused)).toBe('RATE_LIMITED')
      expect(refused.errors[0]?.message).toContain('from this session')
    })
  })

  describe('with wrong tokens', () => {
    const currentUser = (headers: Record<string, string>, by = createHttpBrowser(atgate.url)) =>
      by.graphql(CurrentUserDocument, undefined, headers)
    const wrongToken = () => `${newId()}.${newSecret()}`
    const wrong = () => currentUser({ authorization: `Bearer ${wrongToken()}`, ...from() })
    const wrongCookie = () => currentUser({ cookie: `atgate=${wrongToken()}`, ...from() })
    const wrongExchange = () =>
      browser.graphql(ExchangeTokenDocument, { input: { exchangeToken: newSecret() } }, from())
    const wrongCallback = () => browser.send(`/auth/callback?state=${newSecret()}&code=1`, { headers: from() })

    it('are refused before the database is asked', async () => {
      for (const send of [wrong, wrongCookie, wrong]) expect((await send()).response.status).toBe(200)
      expect(codeOf(await wrongCookie())).toBe('RATE_LIMITED')
      const before = atgate.stores.statements.length
      for (const send of [wrong, wrongCookie]) {
        const { response, errors, data } = await send()
        expect(response.status).toBe(429)
        expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
        expect(errors[0]?.extensions.code).toBe('RATE_LIMITED')
        expect(data?.currentUser ?? null).toBeNull()
      }
      expect(atgate.stores.statements).toHaveLength(before)
    })

    it('leave the session of a neighbour behind the same address alone', async () => {
      await signIn(browser, 'alice.test')
      const read = async () => (await currentUser(from(), browser)).data?.currentUser?.handle
      expect(await read()).toBe('alice.test')
      for (let times = 0; times < 3; times++) await wrong()
      expect(codeOf(await wrong())).toBe('RATE_LIMITED')
      for (let times = 0; times < 10; times++) expect(await read()).toBe('alice.test')
      // A token that was good once has no privilege.
      const cookie = `atgate=${await browser.sessionCookie()}`
      await browser.graphql(LogoutDocument, {}, from(newAddress()))
      const ended = () => currentUser({ cookie, ...from() })
      expect([codeOf(await ended()), codeOf(await ended())]).toEqual(['RATE_LIMITED', 'RATE_LIMITED'])
    })

    it('count exchanges and callbacks, and a refused callback loses no flow', async () => {
      const callback = new URL(await authorize(browser, 'alice.test'))
      await wrongExchange()
      expect((await wrongCallback()).status).toBe(303)
      await wrong()
      expect((await wrongCallback()).status).toBe(429)
      expect((await browser.send(callback.pathname + callback.search, { headers: from() })).status).toBe(429)
      expect(codeOf(await wrongExchange())).toBe('RATE_LIMITED')
      expect((await followCallback(browser, callback.href)).searchParams.has('exchange_token')).toBe(true)
    })
  })

  it('do not count for anonymous reads, of which there may be any number', async () => {
    for (let times = 0; times < 10; times++) {
      expect((await browser.graphql(CurrentUserDocument, undefined, from())).response.status).toBe(200)
    }
  })
})

// The attack: many addresses, each within its limit, make the gateway push requests to one server.
describeGateway('starts from many addresses', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway({ RATE_LIMITS: 'pushes=10', TRUST_PROXY: '127.0.0.1' })
  })
  afterAll(() => atgate.close())

  let addresses = 0
  const newAddress = () => `203.0.113.${++addresses}`
  const start = (handle = 'alice.test', ip = newAddress()) =>
    createHttpBrowser(atgate.url).send(`/auth/start?${new URLSearchParams({ handle })}`, {
      headers: { accept: 'application/json', 'x-forwarded-for': ip },
    })
  const statusesOf = async (times: number, ip?: string) => {
    const statuses: number[] = []
    for (let count = 0; count < times; count++) statuses.push((await start('alice.test', ip)).status)
    return statuses
  }
  beforeEach(() => atgate.stores.advance(61_000))

  it('push a bounded number of requests to one server', async () => {
    expect(await statusesOf(10)).toEqual(Array(10).fill(200))
    const before = await flowsOf(atgate)
    const refused = await start()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await refused.json()).toMatchObject({ error: 'RATE_LIMITED' })
    expect(await flowsOf(atgate)).toEqual(before)
  })

  it('of a few addresses keep nobody else from the server', async () => {
    expect(await statusesOf(8, newAddress())).toEqual([...Array(7).fill(200), 429])
    expect(await statusesOf(2, newAddress())).toEqual([200, 200])
    expect((await start()).status).toBe(200)
  })

  it('do not get around that by a server that names the endpoint of another one', async () => {
    await statusesOf(10)
    const accomplice = await serverThatPushesTo(inject('pdsUrl'))
    expect((await start(accomplice.url)).status).toBe(429)
    await accomplice.close()
  })
})

/** The keys of the pending flows. */
async function flowsOf({ stores }: TestGateway): Promise<string[]> {
  return [...(await stores.dumpEphemeral()).matchAll(/flow:\S+/g)].map(([key]) => key).toSorted()
}

/** A server of the attacker, which lets requests be pushed to somebody else. */
async function serverThatPushesTo(pdsUrl: string) {
  const metadata = await (await fetch(`${pdsUrl}/.well-known/oauth-authorization-server`)).json()
  const server = createServer((request, response) => {
    const issuer = `http://${request.headers.host}`
    const isResource = request.url?.endsWith('protected-resource')
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify(isResource ? { resource: issuer, authorization_servers: [issuer] } : { ...metadata, issuer }),
    )
  }).listen(0)
  await once(server, 'listening')
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
