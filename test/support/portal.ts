import type { BrowserContext, Page, Route } from 'playwright-core'
import { inject } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { allowOnPds, signInOnPds } from './chromium.ts'
import { addAccount } from './flows.ts'
import { createHttpBrowser, type HttpBrowser } from './http-browser.ts'
import { signIn } from './sign-in.ts'
import { eventually } from './tables.ts'

/** Enters a handle in the portal's form; the PDS's page follows, unless something is wrong with it. */
export async function enterHandle(page: Page, handle: string, submit = 'Sign in'): Promise<void> {
  await page.getByLabel('Handle').fill(handle)
  await page.getByRole('button', { name: submit, exact: true }).click()
}

/** Signs in and allows the app on the PDS's pages, and comes back to the portal. */
export async function authorizeHere(page: Page, gatewayUrl: string): Promise<void> {
  await page.waitForURL(`${inject('pdsUrl')}/**`)
  await signInOnPds(page, SANDBOX_PASSWORD)
  await allowOnPds(page)
  await page.waitForURL(`${gatewayUrl}/**`)
}

/** Waits until what the page has been answered so far is on it: two frames later, it is. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))))
}

/** The notice at the foot of the page, of either tone. */
export const noticeOf = (page: Page) => page.locator('.notice')

/** The account in the portal's head. */
export const whoIn = (page: Page) => page.locator('.who')

/**
 * Signs a Chromium profile in without its pages, for tests of what comes after: the flows go over HTTP, and their
 * cookies into the profile. The last account is the active one. Gives the browser that did it, which shares the
 * session.
 */
export async function signedIn(
  context: BrowserContext,
  gatewayUrl: string,
  handles: readonly [string, ...string[]],
): Promise<HttpBrowser> {
  const browser = createHttpBrowser(gatewayUrl)
  const [first, ...others] = handles
  await signIn(browser, first)
  for (const handle of others) await addAccount(browser, handle)
  await giveCookies(context, browser, gatewayUrl)
  return browser
}

/** Gives the profile the cookies that a browser over HTTP has now. */
export async function giveCookies(context: BrowserContext, browser: HttpBrowser, gatewayUrl: string): Promise<void> {
  const cookies = await browser.jar.getCookies(gatewayUrl)
  await context.addCookies(
    cookies.map(({ key, value }) => ({ name: key, value, url: gatewayUrl, httpOnly: true, sameSite: 'Lax' as const })),
  )
}

/**
 * Has the answers to an operation lost from now on: the gateway gets each request, and the browser neither answer nor
 * cookie. Call the returned function to stop.
 */
export async function loseAnswers(page: Page, operationName: string): Promise<() => Promise<void>> {
  const handler = async (route: Route) => {
    const request = route.request()
    const sent = request.postDataJSON() as { operationName?: string }
    if (sent.operationName !== operationName) return route.fallback()
    const { 'content-length': _length, ...headers } = await request.allHeaders()
    await fetch(request.url(), { method: 'POST', headers, body: request.postData() ?? '' })
    await route.abort()
  }
  await page.route('**/graphql', handler)
  return () => page.unroute('**/graphql', handler)
}

/** Waits until the account switcher shows these handles, the active one in capitals. */
export async function showsAccounts(page: Page, handles: string[]): Promise<void> {
  const expected = handles.join(' ')
  let shown = ''
  await eventually(
    async () => {
      const rows = await page.getByRole('list', { name: 'Accounts' }).getByRole('listitem').allInnerTexts()
      shown = rows.map(handleIn).join(' ')
      return shown === expected
    },
    () => `${expected}, not ${shown}`,
  )
}

function handleIn(row: string): string {
  const handle = /\w+\.test/.exec(row)?.[0] ?? row
  return row.includes('Active') ? handle.toUpperCase() : handle
}

/** Keeps the page from listening to changes for a time, or for good: until then its own queries alone tell it of one. */
export async function keepFromListening(page: Page, until: Promise<void> = new Promise(() => {})): Promise<void> {
  await page.route('**/graphql*', async (route) => {
    const request = route.request()
    if (`${request.url()} ${request.postData()}`.includes('sessionChanged')) await until
    await route.continue()
  })
}
