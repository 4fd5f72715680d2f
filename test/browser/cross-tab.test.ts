import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { LogoutAllDocument, RevokeSessionDocument } from '../../web/generated/graphql.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { currentUserOf } from '../support/flows.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import {
  authorizeHere,
  enterHandle,
  keepFromListening,
  noticeOf,
  showsAccounts,
  signedIn,
  whoIn,
} from '../support/portal.ts'
import { signIn } from '../support/sign-in.ts'

describeBrowser('two tabs of one browser', () => {
  const scene = useScene()

  /** Another tab, once it listens. */
  async function openTab(path = '/'): Promise<Page> {
    const tab = await scene.context.newPage()
    const listens = listening(tab)
    await tab.goto(`${scene.atgate.url}${path}`)
    await listens
    return tab
  }
  const listening = (tab: Page) =>
    tab.waitForResponse((response) => response.headers()['content-type'] === 'text/event-stream')

  it('act as an account each, and show at once which of them is active', async () => {
    const { context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const [one, two] = [await openTab(), await openTab()]
    await whoIn(two).getByText('bob.test').waitFor()
    await one.getByRole('button', { name: 'Switch to alice.test' }).click()
    await whoIn(one).getByText('alice.test').waitFor()
    await showsAccounts(two, ['ALICE.TEST', 'bob.test'])
    await whoIn(two).getByText('bob.test').waitFor()
    await two.getByText('This tab', { exact: true }).waitFor()
    // Each goes on as its own account, also after it is loaded again.
    for (const [tab, handle] of [
      [one, 'alice.test'],
      [two, 'bob.test'],
    ] as const) {
      await tab.goto(`${atgate.url}/sessions`)
      await tab.getByText(`Where ${handle} is signed in.`).waitFor()
      await tab.getByText('This one').waitFor()
    }
    // Another switch, in the other direction, on the streams that are still open.
    await two.getByRole('link', { name: 'Accounts' }).click()
    await two.getByRole('button', { name: 'Make bob.test active' }).click()
    await one.getByRole('link', { name: 'Accounts' }).click()
    await showsAccounts(one, ['alice.test', 'BOB.TEST'])
    await whoIn(one).getByText('alice.test').waitFor()
  })

  it('leave a tab without its account when the other signs it out, and offer the rest with one click', async () => {
    const { context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const [one, two] = [await openTab(), await openTab('/tokens')]
    await one.getByRole('button', { name: 'Switch to alice.test' }).click()
    await whoIn(one).getByText('alice.test').waitFor()
    await one.getByRole('button', { name: 'Sign out bob.test' }).click()
    await two.getByRole('heading', { name: 'Choose an account' }).waitFor()
    await two.getByText('bob.test was signed out.').waitFor()
    await two.getByRole('button', { name: 'Continue as alice.test' }).click()
    await whoIn(two).getByText('alice.test').waitFor()
    await two.getByRole('heading', { name: 'Developer tokens' }).waitFor()
  })

  it('show a sign-out at once, and show nothing of the account any more', async () => {
    const { context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const [one, two] = [await openTab(), await openTab('/tokens')]
    await one.getByRole('button', { name: 'Sign out alice.test' }).click()
    await two.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await two.locator('body').innerText()).not.toContain('alice')
  })

  it('show an account that was added, or signed out, in the other', async () => {
    const { context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const [one, two] = [await openTab(), await openTab()]
    await enterHandle(one, 'bob.test', 'Add account')
    await authorizeHere(one, atgate.url)
    await noticeOf(one).getByText('bob.test was added.').waitFor()
    await showsAccounts(two, ['alice.test', 'BOB.TEST'])
    await whoIn(two).getByText('alice.test').waitFor()
    await two.getByRole('button', { name: 'Sign out bob.test' }).click()
    await one.getByRole('heading', { name: 'Choose an account' }).waitFor()
    await showsAccounts(two, ['alice.test'])
  })

  it('show that the account was signed out from another device', async () => {
    const { context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test'])
    const tab = await openTab()
    const phone = createHttpBrowser(atgate.url)
    await signIn(phone, 'alice.test')
    const { session } = (await currentUserOf(browser)) ?? {}
    await phone.graphql(RevokeSessionDocument, { input: { id: session?.id ?? '' } })
    await tab.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('ask before they act as somebody who signed in in their place', async () => {
    const { context, page, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const tab = await openTab()
    await page.goto(`${atgate.url}/auth/start?handle=bob.test`)
    await page.getByRole('link', { name: 'Continue' }).click()
    await authorizeHere(page, atgate.url)
    await whoIn(page).getByText('bob.test').waitFor()
    await tab.getByText('alice.test was signed out.').waitFor()
    await tab.getByRole('button', { name: 'Continue as bob.test' }).click()
    await whoIn(tab).getByText('bob.test').waitFor()
  })

  it('do nothing as another account with a click that comes too late', async () => {
    const { context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['bob.test', 'alice.test'])
    const tab = await context.newPage()
    await tab.route('**/graphql', async (route) => {
      // A stream that never begins: one that ended would make the page look again.
      const isStream = route.request().headers().accept?.startsWith('text/event-stream') ?? false
      if (!isStream) await route.continue()
    })
    await tab.goto(`${atgate.url}/tokens`)
    await whoIn(tab).getByText('alice.test').waitFor()
    const { session } = (await currentUserOf(browser)) ?? {}
    const phone = createHttpBrowser(atgate.url)
    await signIn(phone, 'alice.test')
    await phone.graphql(RevokeSessionDocument, { input: { id: session?.id ?? '' } })
    // The tab was not told.
    await tab.getByLabel('Name').fill('for alice')
    await tab.getByRole('button', { name: 'Create token' }).click()
    await tab.getByText('alice.test was signed out.').waitFor()
    await tab.getByRole('button', { name: 'Continue as bob.test' }).click()
    await whoIn(tab).getByText('bob.test').waitFor()
    expect(tab.url()).toBe(`${atgate.url}/tokens`)
    await tab.getByText('No tokens yet.').waitFor()
  })

  it('look again when they come into view, where no stream reaches them', async () => {
    const { context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const tab = await context.newPage()
    await tab.route('**/graphql', async (route) => {
      // A stream that never begins: one that ended would make the page look again.
      const isStream = route.request().headers().accept?.startsWith('text/event-stream') ?? false
      if (!isStream) await route.continue()
    })
    await tab.goto(atgate.url)
    await whoIn(tab).getByText('bob.test').waitFor()
    await browser.graphql(LogoutAllDocument)
    // Nothing told it.
    await whoIn(tab).getByText('bob.test').waitFor()
    await tab.evaluate(() => dispatchEvent(new Event('focus')))
    await tab.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('find out that the session ended before they could listen', async () => {
    const { context, page, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    await keepFromListening(page, ended)
    await page.goto(atgate.url)
    await whoIn(page).getByText('alice.test').waitFor()
    await atgate.gateway.stores.db.session.deleteMany()
    end()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
})
