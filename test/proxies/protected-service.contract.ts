import type { Browser, BrowserContext, Page } from 'playwright-core'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { type Echo, type EchoService, startEchoService } from '../support/echo-service.ts'
import { createDeveloperToken, dataOf, exchange, finishAs, startScopeUpgrade } from '../support/flows.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeHere, enterHandle } from '../support/portal.ts'
import { isInstalled, type ProxyProgram, type RunningProxy, startProxy } from '../support/proxy.ts'
import { signIn } from '../support/sign-in.ts'

const chromium = inject('chromium')

const NAVIGATION = {
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none',
}

/** What a client sends to pass for somebody else, in every spelling that a service might take for the gateway's. */
const SPOOFED = {
  'X-Auth-Did': 'did:web:mallory.test',
  'x-auth-token': 'spoofed',
  X_Auth_Did: 'did:web:mallory.test',
  'X-Auth_Handle': 'spoofed',
  'X_Auth-Session': 'spoofed',
}

/** What each recipe of `examples/proxies` must do: a real proxy runs it before a real gateway and a small service. */
export function describeProtectedService(program: ProxyProgram): void {
  describe.skipIf(!isInstalled(program))(`a service behind ${program.name}`, () => {
    let atgate: TestGateway
    let service: EchoService
    let proxy: RunningProxy
    let site: string
    let alice: HttpBrowser

    beforeAll(async () => {
      const [port, listens] = [await freePort(), await freePort()]
      site = `http://127.0.0.1:${listens}`
      service = await startEchoService()
      atgate = await startGateway({
        PORT: String(port),
        PUBLIC_URL: site,
        PORTAL_PATH: '/account',
        TRUST_PROXY: '127.0.0.1',
        TOKEN_AUDIENCES: 'https://service.example',
      })
      proxy = await startProxy(program, { listens, gateway: port, service: service.port })
      alice = createHttpBrowser(site)
      await signIn(alice, 'alice.test')
    })
    afterAll(async () => {
      await proxy?.close()
      await atgate?.close()
      await service?.close()
    })

    async function ask(path: string, headers: Record<string, string> = {}) {
      const { statusCode: status, headers: answered, body } = await request(site + path, { headers })
      return { status, headers: answered, text: await body.text() }
    }

    /** Asks as a browser that is signed in. */
    const askAs = async (browser: HttpBrowser, path: string, headers: Record<string, string> = {}) =>
      ask(path, { cookie: await browser.jar.getCookieString(site), ...headers })

    /** The headers that the service got and that a service could take for the gateway's. */
    const toldOf = (text: string) =>
      Object.entries((JSON.parse(text) as Echo).headers)
        .filter(([name, value]) => /^x[-_]auth/.test(name) && value !== '')
        .sort()

    it('gets a signed-in request with the account, and without the cookies of the gateway', async () => {
      const cookie = `theme=dark; ${await alice.jar.getCookieString(site)}; lang=en`
      const { status, text } = await ask('/private/page?of=mine&scope=x', { cookie })
      expect(status).toBe(200)
      const { url, headers } = JSON.parse(text) as Echo
      expect(url).toBe('/private/page?of=mine&scope=x')
      expect(headers).toMatchObject({
        'x-auth-did': expect.stringMatching(/^did:plc:/),
        'x-auth-handle': 'alice.test',
        'x-auth-session': expect.any(String),
        'x-auth-scope': 'atproto',
        'x-auth-token': expect.stringMatching(/^ey/),
      })
      expect(headers.cookie?.split('; ').filter((part) => part !== '')).toEqual(['theme=dark', 'lang=en'])
    })

    it('gets a request with a developer token', async () => {
      const token = await createDeveloperToken(alice, { as: 'alice.test' })
      const { status, text } = await ask('/private', { authorization: `Bearer ${token}` })
      expect([status, new Map(toldOf(text)).get('x-auth-handle')]).toEqual([200, 'alice.test'])
    })

    it('gets nothing that a client says of who it is', async () => {
      const honest = await askAs(alice, '/private')
      const spoofing = await askAs(alice, '/private', SPOOFED)
      expect([honest.status, spoofing.status]).toEqual([200, 200])
      expect(toldOf(spoofing.text)).toEqual(toldOf(honest.text))
    })

    it('gets nothing of a request that is not signed in, spoofed or not', async () => {
      const before = service.count()
      const answers = [
        await ask('/private'),
        await ask('/private', SPOOFED),
        await ask('/', { cookie: 'atgate=wrong.token' }),
        await ask('/private', { authorization: 'Bearer atgate_wrong.token' }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401])
      expect(service.count()).toBe(before)
    })

    it('gets nothing of a session without the scope, by whatever spelling of the path and the query', async () => {
      const before = service.count()
      for (const path of ['/editor/', '/editor/x?scope=atproto', '/%65ditor/', '/private/../editor/', '//editor/']) {
        expect([path, (await askAs(alice, path)).status]).toEqual([path, 403])
      }
      expect(service.count()).toBe(before)
    })

    it('gets a session that has the scope', async () => {
      const bob = createHttpBrowser(site)
      await signIn(bob, 'bob.test')
      const authUrl = await startScopeUpgrade(bob, ['transition:generic'])
      dataOf(await exchange(bob, await finishAs(bob, authUrl, 'bob.test')))
      const { status, text } = await askAs(bob, '/editor/x')
      expect([status, new Map(toldOf(text)).get('x-auth-handle')]).toEqual([200, 'bob.test'])
    })

    it('leads a person who is not signed in to the sign-in, and nowhere else', async () => {
      const { status, headers } = await ask('/private/page?of=mine', NAVIGATION)
      expect([302, 303]).toContain(status)
      const location = new URL(String(headers.location), site)
      expect(location.origin + location.pathname).toBe(`${site}/account/`)
      expect(location.searchParams.get('next')).toBe(`${site}/private/page?of=mine`)

      const elsewhere = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-uri': '//evil.example',
        forwarded: 'host=evil.example',
      }
      const misled = await ask('/private/page', { ...NAVIGATION, ...elsewhere })
      expect(new URL(String(misled.headers.location), site).searchParams.get('next')).toBe(`${site}/private/page`)
    })

    describe.skipIf(chromium === null)('in Chromium', () => {
      let browser: Browser
      let context: BrowserContext
      let page: Page
      beforeAll(async () => {
        browser = await launchChromium(chromium ?? '')
        context = await browser.newContext()
        page = await context.newPage()
      })
      afterAll(() => browser.close())

      it('is shown to a person after they have signed in', async () => {
        await page.goto(`${site}/private/page?of=mine`)
        await enterHandle(page, 'carol.test')
        await authorizeHere(page, site)
        await page.waitForURL(`${site}/private/page?of=mine`)
        const text = (await page.textContent('body')) ?? ''
        expect(new Map(toldOf(text)).get('x-auth-handle')).toBe('carol.test')
      })
    })

    it('gets nothing while the gateway is away, and its clients are told so', async () => {
      const before = service.count()
      await atgate.stop()
      const answers = [
        await askAs(alice, '/private'),
        await askAs(alice, '/editor/'),
        await ask('/private', NAVIGATION),
      ]
      for (const { status } of answers) expect([502, 503]).toContain(status)
      expect(service.count()).toBe(before)
    })
  })
}
