import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { allowOnPds, refuseOnPds, signInOnPds } from '../support/chromium.ts'
import { openSites } from '../support/example-frontend.ts'
import { createDeveloperToken } from '../support/flows.ts'
import { keepFromListening, signedIn } from '../support/portal.ts'

const NOTES = 'repo:com.example.note'

/** Where flows return to; another frontend of the gateway; and a page of which it knows nothing. */
const sites = await openSites(3)
const [frontend = '', other = '', foreign = ''] = sites.origins
afterAll(() => sites.close())

describeBrowser.each(['apollo', 'urql'])('a frontend with %s on an origin of its own, in Chromium', (example) => {
  const scene = useScene({ FRONTEND_URL: frontend, CORS_ORIGINS: other, OAUTH_SCOPE: `atproto ${NOTES}` })
  beforeAll(() => sites.serve(example, scene.atgate.url))

  const shows = (page: Page, handle: string) => page.getByRole('heading', { name: handle, exact: true }).waitFor()
  const showsNobody = (page: Page) => shows(page, 'Sign in')
  const says = (page: Page, text: string) => page.getByRole('status').getByText(text).waitFor()
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const tokensOn = (page: Page) => page.getByRole('list', { name: 'Developer tokens' }).getByRole('listitem')

  async function goToPds(page: Page, handle: string): Promise<void> {
    await page.getByLabel('Handle').fill(handle)
    await press(page, 'Sign in')
    await signInAtPds(page)
  }

  async function signInAtPds(page: Page): Promise<void> {
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(page, SANDBOX_PASSWORD)
  }

  /** Every address that the tab can go back to. */
  async function historyOf(page: Page): Promise<string[]> {
    const { entries } = await (await scene.context.newCDPSession(page)).send('Page.getNavigationHistory')
    return entries.map(({ url }) => url)
  }

  it('signs in through the pages of the PDS and out again; no script sees the session, and no history the exchange token', async () => {
    const { page, context, atgate } = scene
    await page.goto(frontend)
    await goToPds(page, 'alice.test')
    await allowOnPds(page)
    await shows(page, 'alice.test')
    await says(page, 'You are signed in as alice.test.')
    expect(page.url()).toBe(`${frontend}/`)
    expect((await historyOf(page)).filter((url) => url.includes('exchange_token'))).toEqual([])

    const cookies = await context.cookies(atgate.url)
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ['atgate-client', true, 'Lax'],
      ['atgate', true, 'Lax'],
    ])
    expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual(['', 0, 0])

    await page.reload()
    await shows(page, 'alice.test')
    await press(page, 'Sign out')
    await showsNobody(page)
    expect((await context.cookies(atgate.url)).map(({ name }) => name)).toEqual(['atgate-client'])
  })

  it('says so when the user denied, and when an exchange token is worth nothing', async () => {
    const { page } = scene
    await page.goto(frontend)
    await goToPds(page, 'alice.test')
    await refuseOnPds(page)
    await showsNobody(page)
    await says(page, 'You declined at your server.')
    expect(page.url()).toBe(`${frontend}/`)

    await page.goto(`${frontend}/?exchange_token=nonsense`)
    await says(page, 'exchange token')
    await showsNobody(page)
    expect(page.url()).toBe(`${frontend}/`)
  })

  it('shows that the session has ended when the gateway says ACCOUNT_CHANGED', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await keepFromListening(page)
    await page.goto(frontend)
    await shows(page, 'alice.test')
    await atgate.gateway.stores.db.session.deleteMany()
    await press(page, 'Developer tokens')
    await showsNobody(page)
    await says(page, 'This account is not signed in here any more.')
  })

  it('leads to the scope upgrade when the gateway says SCOPE_UPGRADE_REQUIRED, and comes back with the scopes', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    // As a session from before OAUTH_SCOPE was widened.
    await atgate.gateway.stores.db.grant.updateMany({ data: { scope: 'atproto' } })
    await page.goto(frontend)
    await page.getByText('May: atproto', { exact: true }).waitFor()
    await press(page, 'New developer token')
    await signInAtPds(page)
    await allowOnPds(page)
    await says(page, 'alice.test has the permissions that you allowed.')
    await page.getByText(`May: atproto, ${NOTES}`, { exact: true }).waitFor()
    expect(page.url()).toBe(`${frontend}/`)
    await press(page, 'New developer token')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })

  it('shows nothing that was asked as one account to another', async () => {
    const { page, context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await createDeveloperToken(browser, { as: 'bob.test', name: "bob's" })
    await page.goto(frontend)
    await shows(page, 'bob.test')
    await press(page, 'Developer tokens')
    await tokensOn(page).getByText("bob's").waitFor()

    await press(page, 'Switch to alice.test')
    await shows(page, 'alice.test')
    expect(await tokensOn(page).count()).toBe(0)
    await press(page, 'Developer tokens')
    await tokensOn(page).getByText('None.').waitFor()
    await press(page, 'Switch to bob.test')
    await shows(page, 'bob.test')
    await press(page, 'Developer tokens')
    await tokensOn(page).getByText("bob's").waitFor()
  })

  it('acts as the account that it shows when another tab switches, and follows a sign-out there', async () => {
    const { page, context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await createDeveloperToken(browser, { as: 'bob.test', name: 'of the other tab' })
    const tab = await context.newPage()
    for (const each of [page, tab]) {
      await each.goto(frontend)
      await shows(each, 'bob.test')
    }
    await press(page, 'Switch to alice.test')
    await shows(page, 'alice.test')
    await press(tab, 'Developer tokens')
    await tokensOn(tab).getByText('of the other tab').waitFor()
    await press(page, 'Developer tokens')
    await tokensOn(page).getByText('None.').waitFor()
    await press(tab, 'Sign out')
    await showsNobody(page)
    await showsNobody(tab)
  })

  it('offers the other accounts when its own was signed out elsewhere, and does nothing as them before that', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await keepFromListening(page)
    await page.goto(frontend)
    await shows(page, 'bob.test')
    const { db } = atgate.gateway.stores
    const { did } = await db.account.findFirstOrThrow({ where: { handle: 'bob.test' } })
    await db.session.deleteMany({ where: { did } })
    await press(page, 'New developer token')
    await shows(page, 'Choose an account')
    expect(page.url()).toBe(`${frontend}/`)
    await press(page, 'Switch to alice.test')
    await shows(page, 'alice.test')
  })

  it('finds out that the session ended before it could listen', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    await keepFromListening(page, ended)
    await page.goto(frontend)
    await shows(page, 'alice.test')
    await atgate.gateway.stores.db.session.deleteMany()
    end()
    await showsNobody(page)
  })

  it('is told by /auth/start what is wrong with a handle', async () => {
    const { page, atgate } = scene
    await page.goto(frontend)
    const answer = await page.evaluate(async (url) => {
      const response = await fetch(url, { headers: { accept: 'application/json' }, credentials: 'include' })
      return response.json() as Promise<unknown>
    }, `${atgate.url}/auth/start?handle=nobody.test`)
    expect(answer).toMatchObject({ error: 'HANDLE_NOT_FOUND' })
  })

  it('works from every origin in CORS_ORIGINS, and gets nothing from any other', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(other)
    await shows(page, 'alice.test')

    await page.goto(foreign)
    await says(page, 'The gateway cannot be reached.')
    expect(await page.content()).not.toContain('alice.test')

    await page.goto(other)
    await shows(page, 'alice.test')
  })
})
