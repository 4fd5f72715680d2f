import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { type FakePds, signInAt, startFakePds } from '../support/fake-pds.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'

/** Two origins with an empty page: a frontend's, and a stranger's. */
const pages = [emptySite(), emptySite()]
await Promise.all(pages.map((server) => once(server, 'listening')))
const [frontend = '', foreign = ''] = pages.map(
  (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
)
afterAll(() => {
  for (const server of pages) server.close()
})

const NOTE = 'com.example.note'

describeBrowser('a page that calls the PDS by cookie, in Chromium', () => {
  const scene = useScene({ FRONTEND_URL: frontend, OAUTH_SCOPE: 'atproto transition:generic' })
  let did: string

  beforeEach(async () => {
    const browser = createHttpBrowser(scene.atgate.url)
    const { account } = await signIn(browser, 'alice.test')
    did = account.did
    const value = (await browser.sessionCookie()) ?? ''
    await scene.context.addCookies([{ name: 'atgate', value, url: scene.atgate.url, httpOnly: true, sameSite: 'Lax' }])
  })

  /** Runs a call in the page. Gives its status and text, or what the browser says instead. */
  async function call(
    page: Page,
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ) {
    return page.evaluate(
      async ([url, options]) => {
        try {
          const response = await fetch(url, { ...options, credentials: 'include' })
          return { status: response.status, text: await response.text() }
        } catch (error) {
          return { status: 0, text: String(error) }
        }
      },
      [`${scene.atgate.url}/xrpc/${path}`, init] as const,
    )
  }

  const create = (page: Page, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    call(page, 'com.atproto.repo.createRecord', {
      method: 'POST',
      headers,
      body: JSON.stringify({ repo: did, collection: NOTE, record: { $type: NOTE, text: 'from a page' } }),
    })
  const list = () => `com.atproto.repo.listRecords?repo=${did}&collection=${NOTE}`

  it('of the frontend’s origin reads, writes a record and uploads a picture', async () => {
    await scene.page.goto(frontend)
    const created = await create(scene.page)
    expect(created).toMatchObject({ status: 200, text: expect.stringContaining(NOTE) })
    const { uri } = JSON.parse(created.text)
    expect((await call(scene.page, list())).text).toContain(uri)
    const uploaded = await scene.page.evaluate(async (gateway) => {
      const canvas = new OffscreenCanvas(8, 8)
      canvas.getContext('2d')?.fillRect(0, 0, 8, 8)
      const body = await canvas.convertToBlob({ type: 'image/png' })
      const url = `${gateway}/xrpc/com.atproto.repo.uploadBlob`
      const response = await fetch(url, { method: 'POST', credentials: 'include', body })
      return response.json()
    }, scene.atgate.url)
    expect(uploaded).toMatchObject({ blob: { mimeType: 'image/png' } })
  })

  it('of another origin can do none of it', async () => {
    await scene.page.goto(frontend)
    const before = (await call(scene.page, list())).text
    await scene.page.goto(foreign)
    expect((await call(scene.page, list())).status).toBe(0)
    expect((await call(scene.page, list(), { headers: { 'atgate-account': did } })).status).toBe(0)
    expect((await create(scene.page)).status).toBe(0)
    // Without a preflight.
    expect((await create(scene.page, { 'content-type': 'text/plain' })).status).toBe(0)
    const image = await scene.page.evaluate(
      (src) =>
        new Promise((resolve) => {
          const element = new Image()
          element.onload = () => resolve('loaded')
          element.onerror = () => resolve('refused')
          element.src = src
        }),
      `${scene.atgate.url}/xrpc/${list()}`,
    )
    expect(image).toBe('refused')
    await scene.page.goto(frontend)
    expect((await call(scene.page, list())).text).toBe(before)
  })
})

describeBrowser('what a hostile PDS answers, in Chromium on the origin of the cookie', () => {
  const scene = useScene()
  let pds: FakePds
  const url = (query = '') => `${scene.atgate.url}/xrpc/com.example.get${query}`

  beforeAll(async () => {
    pds = await startFakePds()
  })
  afterAll(() => pds.close())
  beforeEach(async () => {
    pds.requests.length = 0
    const { token: value } = await signInAt(scene.atgate.gateway, pds)
    await scene.context.addCookies([{ name: 'atgate', value, url: scene.atgate.url, httpOnly: true, sameSite: 'Lax' }])
  })

  const answer = (type: string, body: string, headers: Record<string, string> = {}) =>
    pds.answer((_request, response) => response.writeHead(200, { 'content-type': type, ...headers }).end(body))
  const RUN = 'window.hacked = true; document.title = "hacked"; fetch("/graphql?hacked")'
  const hasRun = () => scene.page.evaluate(() => 'hacked' in window || document.title === 'hacked')

  it.each([
    ['text/html', `<script>${RUN}</script>`],
    ['image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg"><script>${RUN}</script></svg>`],
    ['application/json', `<script>${RUN}</script>`],
    ['image/png', `<script>${RUN}</script>`],
  ])('as %s is not opened as a page', async (type, body) => {
    answer(type, body)
    await scene.page.goto(scene.atgate.url)
    await scene.page.evaluate((href) => {
      location.href = href
    }, url())
    await scene.page.waitForURL(url())
    expect(await hasRun()).toBe(false)
    // It was not even asked for: what is shown is the gateway's page.
    expect(pds.requests).toEqual([])
    expect(await scene.page.locator('h1').textContent()).toBe('Something is wrong')
  })

  it.each([
    ['script', 'text/javascript'],
    ['script', 'application/json'],
    ['script', 'image/png'],
    ['module', 'text/javascript'],
    ['style', 'text/css'],
    ['frame', 'text/html'],
    ['object', 'text/html'],
  ])('is loaded by the portal’s own page as no %s (%s)', async (what, type) => {
    answer(type, what === 'style' ? 'body { display: none }' : RUN)
    await scene.page.goto(scene.atgate.url)
    const outcome = await scene.page.evaluate(
      ([kind, src]) =>
        new Promise<string>((resolve) => {
          const made: Record<string, () => HTMLElement> = {
            script: () => Object.assign(document.createElement('script'), { src }),
            module: () => Object.assign(document.createElement('script'), { src, type: 'module' }),
            style: () => Object.assign(document.createElement('link'), { rel: 'stylesheet', href: src }),
            frame: () => Object.assign(document.createElement('iframe'), { src }),
            object: () => Object.assign(document.createElement('object'), { data: src }),
          }
          const element = made[kind]?.() ?? document.body
          element.onload = () => resolve('loaded')
          element.onerror = () => resolve('refused')
          document.body.append(element)
          // A frame says neither when it is not allowed to show.
          setTimeout(resolve, 1000, 'nothing')
        }),
      [what, url()] as const,
    )
    if (what !== 'frame') expect(outcome).not.toBe('loaded')
    expect(await hasRun()).toBe(false)
    const shown = await scene.page.evaluate(() => getComputedStyle(document.body).display)
    expect(shown).not.toBe('none')
  })

  it('sets no cookie, clears none, and starts no worker', async () => {
    answer('text/javascript', RUN, {
      'set-cookie': 'planted=1; Path=/',
      'clear-site-data': '"*"',
      'service-worker-allowed': '/',
    })
    await scene.page.goto(scene.atgate.url)
    const outcome = await scene.page.evaluate(async (src) => {
      const { status } = await fetch(src)
      const registered = await navigator.serviceWorker.register(src, { scope: '/xrpc/' }).then(
        () => 'registered',
        () => 'refused',
      )
      return { status, registered }
    }, url())
    expect(outcome).toEqual({ status: 200, registered: 'refused' })
    expect((await scene.context.cookies(scene.atgate.url)).map(({ name }) => name)).toEqual(['atgate'])
  })

  describe('as a picture', () => {
    it('is shown as one, if it is one', async () => {
      const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
      const load = (src: string) =>
        scene.page.evaluate(
          (source) =>
            new Promise((resolve) => {
              const image = new Image()
              image.onload = () => resolve(image.naturalWidth)
              image.onerror = () => resolve('refused')
              image.src = source
            }),
          src,
        )
      await scene.page.goto(scene.atgate.url)
      pds.answer((_request, response) =>
        response
          .writeHead(200, { 'content-type': 'image/gif' })
          .end(Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')),
      )
      expect(await load(url('?picture'))).toBe(1)
      answer('image/svg+xml', svg)
      expect(await load(url('?svg'))).toBe('refused')
    })
  })
})

function emptySite(): Server {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>empty</title>'),
  )
  // Where the suite is skipped, nobody closes it.
  return server.listen(0, '127.0.0.1').unref()
}
