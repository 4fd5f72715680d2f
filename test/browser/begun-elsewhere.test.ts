import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { signInOnPds } from '../support/chromium.ts'
import { signedIn } from '../support/portal.ts'

/** Pages on an origin of their own, by their path. */
type Site = { origin: string; pages: Map<string, string>; close(): Promise<void> }

async function openSite(): Promise<Site> {
  const pages = new Map<string, string>()
  const server: Server = createServer(({ url = '/' }, response) => {
    response.writeHead(pages.has(url) ? 200 : 404, { 'content-type': 'text/html' }).end(pages.get(url))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pages,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

// A port is an origin of its own on the same site, as a sibling subdomain is.
const [frontend, sibling] = [await openSite(), await openSite()]
afterAll(() => Promise.all([frontend.close(), sibling.close()]))

describeBrowser('a sign-in begun by a page, in Chromium', () => {
  const scene = useScene({ CORS_ORIGINS: frontend.origin })
  let start: string

  beforeAll(() => {
    start = `${scene.atgate.url}/auth/start?handle=bob.test`
  })

  const asks = (page: Page) => page.getByRole('heading', { name: 'Sign in as @bob.test?' }).waitFor()
  const isAtPds = (page: Page) => page.waitForURL(`${inject('pdsUrl')}/**`)

  /** Follows a link on a page of a site. */
  async function follow(page: Page, site: Site, head = ''): Promise<void> {
    site.pages.set('/', `<!doctype html><head>${head}</head><a href="${start}">link</a>`)
    await page.goto(site.origin)
    await page.getByRole('link').click()
  }

  it('goes on by itself from a frontend', async () => {
    await follow(scene.page, frontend)
    await isAtPds(scene.page)
  })

  it.each([
    ['a mail link or a typed address', (page: Page) => page.goto(start)],
    ['a sibling subdomain', (page: Page) => follow(page, sibling)],
    [
      'a frontend that sends no referrer',
      (page: Page) => follow(page, frontend, '<meta name="referrer" content="no-referrer">'),
    ],
    [
      'another site',
      async (page: Page) => {
        sibling.pages.set('/', `<!doctype html><a href="${start}">link</a>`)
        await page.goto(sibling.origin.replace('127.0.0.1', 'localhost'))
        await page.getByRole('link').click()
      },
    ],
  ])('asks first from %s', async (_where, go) => {
    await go(scene.page)
    await asks(scene.page)
    expect(new URL(scene.page.url()).origin).toBe(scene.atgate.url)
  })

  it('says whom it replaces, and replaces nobody before the click', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(start)
    await page.getByText('no longer signed in as @alice.test').waitFor()
    await page.getByRole('link', { name: 'Cancel' }).click()
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
    expect(await page.locator('.who').innerText()).toContain('alice.test')
  })

  it('works without script, by keyboard, and again after Back', async () => {
    const context = await scene.context.browser()?.newContext({ javaScriptEnabled: false })
    const page = await context?.newPage()
    if (context === undefined || page === undefined) throw new TypeError('no browser')
    await page.goto(start)
    await page.getByRole('link', { name: 'Continue' }).focus()
    await page.keyboard.press('Enter')
    await isAtPds(page)
    await page.goBack()
    await asks(page)
    await page.getByRole('link', { name: 'Continue' }).click()
    await isAtPds(page)
    await context.close()
  })

  it('answers a mistake with a form that works without script and keeps what was typed', async () => {
    const context = await scene.context.browser()?.newContext({ javaScriptEnabled: false })
    const page = await context?.newPage()
    if (context === undefined || page === undefined) throw new TypeError('no browser')
    await page.goto(`${scene.atgate.url}/auth/start?handle=nobody.test&return_to=/tokens`)
    expect(await page.getByLabel('Handle').inputValue()).toBe('nobody.test')
    expect(await page.getByRole('alert').innerText()).toContain('No account was found for nobody.test')
    await page.getByLabel('Handle').fill('bob.test')
    await page.keyboard.press('Enter')
    await asks(page)
    expect(new URL(page.url()).searchParams.get('return_to')).toBe('/tokens')
    await page.getByRole('link', { name: 'Continue' }).click()
    await isAtPds(page)
    await context.close()
  })

  it('does nothing in a frame, nor for a prefetch', async () => {
    const { page, atgate } = scene
    // Of the gateway's own log, since a page is not told of its prefetches.
    const before = atgate.logLines.length
    const statuses = () =>
      atgate.logLines
        .slice(before)
        .map((line) => JSON.parse(line) as { route?: string; status?: number })
        .flatMap(({ route, status }) => (route === '/auth/start' ? [status] : []))
    sibling.pages.set('/', `<!doctype html><iframe src="${start}"></iframe>`)
    await page.goto(sibling.origin)
    await expect.poll(statuses).toEqual([403])
    frontend.pages.set('/', `<!doctype html><link rel="prefetch" href="${start}">`)
    await page.goto(frontend.origin)
    await expect.poll(statuses).toEqual([403, 403])
  })

  it('ends at the account that was asked about', async () => {
    const { page, atgate } = scene
    await page.goto(start)
    await page.getByRole('link', { name: 'Continue' }).click()
    await isAtPds(page)
    await signInOnPds(page, SANDBOX_PASSWORD)
    await page.getByRole('button', { name: 'Authorize' }).click()
    await page.waitForURL(`${atgate.url}/**`)
    await page.locator('.who').getByText('bob.test').waitFor()
  })
})
