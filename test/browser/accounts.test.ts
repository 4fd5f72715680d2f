import { expect, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import {
  authorizeHere,
  enterHandle,
  keepFromListening,
  loseAnswers,
  noticeOf,
  settled,
  showsAccounts,
  signedIn,
  whoIn,
} from '../support/portal.ts'
import { eventually } from '../support/tables.ts'

describeBrowser('the account switcher, in Chromium', () => {
  const scene = useScene()

  it('adds an account, with its name and picture, and switches back', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(atgate.url)
    await showsAccounts(page, ['ALICE.TEST'])
    await enterHandle(page, 'bob.test', 'Add account')
    await authorizeHere(page, atgate.url)
    await noticeOf(page).getByText('bob.test was added.').waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
    const picture = page.getByRole('listitem').filter({ hasText: 'bob.test' }).locator('img.avatar')
    await eventually(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth > 0), 'the picture')

    await page.getByRole('button', { name: 'Switch to alice.test' }).click()
    await showsAccounts(page, ['ALICE.TEST', 'bob.test'])
    await noticeOf(page).getByText('You are now alice.test.').waitFor()
    await whoIn(page).getByText('alice.test').waitFor()
  })

  it('signs out one account: another one without a change, the active one with the next in its place', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test', 'carol.test'])
    await page.goto(atgate.url)
    await page.getByRole('button', { name: 'Sign out alice.test' }).click()
    await showsAccounts(page, ['bob.test', 'CAROL.TEST'])
    await noticeOf(page).getByText('alice.test is signed out.').waitFor()
    await page.getByRole('button', { name: 'Sign out carol.test' }).click()
    await noticeOf(page).getByText('carol.test is signed out. You are now bob.test.').waitFor()
    await showsAccounts(page, ['BOB.TEST'])
  })

  it('shows what is so after a change, although an answer from before it is still on its way', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await page.goto(atgate.url)
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
    const { promise: isAnswered, resolve: answered } = Promise.withResolvers<void>()
    const { promise: mayArrive, resolve: arrive } = Promise.withResolvers<void>()
    const { promise: hasArrived, resolve: arrived } = Promise.withResolvers<void>()
    let isFirst = true
    await page.route('**/graphql', async (route) => {
      const { operationName } = route.request().postDataJSON() as { operationName: string }
      // Nobody tells of the change: as in the moment before the page listens.
      if (operationName === 'SessionChanged') return route.abort()
      if (operationName !== 'CurrentUser' || !isFirst) return route.continue()
      isFirst = false
      const response = await route.fetch()
      answered()
      await mayArrive
      await route.fulfill({ response })
      arrived()
    })
    await page.evaluate(() => dispatchEvent(new Event('focus')))
    await isAnswered
    await page.getByRole('button', { name: 'Sign out alice.test' }).click()
    await noticeOf(page).getByText('alice.test is signed out.').waitFor()
    arrive()
    await hasArrived
    await settled(page)
    await showsAccounts(page, ['BOB.TEST'])
  })

  it.each(['SwitchAccount', 'UnlinkAccount'])('loses nothing with the answer to %s', async (operationName) => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await page.goto(atgate.url)
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
    const keepAnswers = await loseAnswers(page, operationName)
    const isSwitch = operationName === 'SwitchAccount'
    await page.getByRole('button', { name: isSwitch ? 'Switch to alice.test' : 'Sign out alice.test' }).click()
    await noticeOf(page).getByText('The gateway cannot be reached.').waitFor()
    await keepAnswers()
    await page.reload()
    await showsAccounts(page, isSwitch ? ['ALICE.TEST', 'bob.test'] : ['BOB.TEST'])
    await whoIn(page).getByText('bob.test').waitFor()
  })

  it('goes on as before where the answer that adds an account is lost, and adds it the next time', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(atgate.url)
    const keepAnswers = await loseAnswers(page, 'ExchangeToken')
    await enterHandle(page, 'bob.test', 'Add account')
    await authorizeHere(page, atgate.url)
    await noticeOf(page).getByText('The gateway cannot be reached.').waitFor()
    await showsAccounts(page, ['ALICE.TEST'])
    await keepAnswers()
    await enterHandle(page, 'bob.test', 'Add account')
    await authorizeHere(page, atgate.url)
    await noticeOf(page).getByText('bob.test was added.').waitFor()
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
  })

  it('signs out all, but asks first', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await page.goto(atgate.url)
    const open = page.getByRole('button', { name: 'Sign out of all' }).first()
    await open.click()
    const dialog = page.getByRole('dialog', { name: 'Sign out of all accounts?' })
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(await open.evaluate((button) => button === document.activeElement)).toBe(true)
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
    await open.click()
    await dialog.getByRole('button', { name: 'Sign out of all' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await noticeOf(page).getByText('Every account is signed out.').waitFor()
  })

  it('refuses an account that is linked already, and an unknown one, in words at the field', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(atgate.url)
    await enterHandle(page, 'alice.test', 'Add account')
    await page.getByText('alice.test is signed in here already').waitFor()
    await enterHandle(page, 'nobody.test', 'Add account')
    await page.getByText('No account was found for nobody.test').waitFor()
  })

  it('offers to sign in again where the PDS no longer honours the grant, and works again after that', async () => {
    const { page, context, atgate } = scene
    const { db } = atgate.gateway.stores
    await signedIn(context, atgate.url, ['alice.test'])
    const { grantId } = await db.session.findFirstOrThrow({ orderBy: { createdAt: 'desc' } })
    await db.grant.update({ where: { id: grantId }, data: { state: 'lost' } })
    await page.goto(`${atgate.url}/sessions`)
    await page.getByText('The server of alice.test no longer accepts this sign-in.').waitFor()
    await page.getByRole('button', { name: 'Sign in again', exact: true }).click()
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    expect(await page.getByText('no longer accepts').count()).toBe(0)
  })

  it('notices that the session was ended from elsewhere, and shows nothing of it any more', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await keepFromListening(page)
    await page.goto(atgate.url)
    await showsAccounts(page, ['alice.test', 'BOB.TEST'])
    // Without a word to the page, as when a backup is restored.
    await atgate.gateway.stores.db.session.deleteMany()
    await page.getByRole('button', { name: 'Switch to alice.test' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await page.content()).not.toContain('bob.test')
  })
})
