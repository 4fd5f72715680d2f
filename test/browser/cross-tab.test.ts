import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { LogoutAllDocument, RevokeSessionDocument, SwitchAccountDocument } from '../../web/generated/graphql.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { currentUserOf } from '../support/flows.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import {
  authorizeHere,
  enterHandle,
  isPortalQuestion,
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

  it('show a switch at once, in both directions, again and again', async () => {
    const { context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const [one, two] = [await openTab(), await openTab('/sessions')]
    await whoIn(two).getByText('bob.test').waitFor()
    for (const handle of ['alice.test', 'bob.test', 'alice.test']) {
      const follows = listening(two)
      await one.getByRole('button', { name: `Switch to ${handle}` }).click()
      await whoIn(two).getByText(handle).waitFor()
      // What was on the page belongs to the account that is active now.
      await two.getByText(`Where ${handle} is signed in.`).waitFor()
      await follows
    }
    await two.getByRole('link', { name: 'Accounts' }).click()
    await two.getByRole('button', { name: 'Switch to bob.test' }).click()
    await showsAccounts(one, ['alice.test', 'BOB.TEST'])
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
    const follows = listening(two)
    await enterHandle(one, 'bob.test', 'Add account')
    await authorizeHere(one, atgate.url)
    await noticeOf(one).getByText('bob.test was added.').waitFor()
    await showsAccounts(two, ['alice.test', 'BOB.TEST'])
    await follows
    await one.getByRole('button', { name: 'Sign out alice.test' }).click()
    await showsAccounts(two, ['BOB.TEST'])
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

  it('follow a sign-in that replaces the session', async () => {
    const { context, page, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const tab = await openTab()
    await page.goto(`${atgate.url}/auth/start?handle=bob.test`)
    await page.getByRole('link', { name: 'Continue' }).click()
    await authorizeHere(page, atgate.url)
    await whoIn(page).getByText('bob.test').waitFor()
    await whoIn(tab).getByText('bob.test').waitFor()
  })

  it('look again when they come into view, where no stream reaches them', async () => {
    const { context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const tab = await context.newPage()
    await tab.route('**/graphql', async (route) => {
      const isStream = route.request().headers().accept?.startsWith('text/event-stream') ?? false
      await (isStream ? route.abort() : route.continue())
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
    await page.route('**/graphql', async (route) => {
      if (route.request().headers().accept?.startsWith('text/event-stream')) await ended
      await route.continue()
    })
    await page.goto(atgate.url)
    await whoIn(page).getByText('alice.test').waitFor()
    await atgate.gateway.stores.db.session.deleteMany()
    end()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('never show the account before the switch when the news is faster than the cookie', async () => {
    const { context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const tab = await openTab()
    const linked = (await currentUserOf(browser))?.linkedAccounts ?? []
    const alice = linked.find(({ handle }) => handle === 'alice.test')?.did ?? ''
    // Switched by the same browser over HTTP: the tab hears of it, but its own cookie comes only later.
    await browser.graphql(SwitchAccountDocument, { input: { targetDid: alice } })
    // And looks once more for a reason of its own, which must not end the looking.
    const looked = tab.waitForResponse((response) => isPortalQuestion(response.request()))
    await tab.evaluate(() => dispatchEvent(new Event('focus')))
    await (await looked).finished()
    const cookies = await browser.jar.getCookies(atgate.url)
    const session = cookies.find(({ key }) => key === 'atgate')
    await context.addCookies([
      { name: 'atgate', value: session?.value ?? '', url: atgate.url, httpOnly: true, sameSite: 'Lax' },
    ])
    await whoIn(tab).getByText('alice.test').waitFor()
    await showsAccounts(tab, ['ALICE.TEST', 'bob.test'])
  })
})
