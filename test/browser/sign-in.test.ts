import { randomBytes } from 'node:crypto'
import { beforeEach, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { allowOnPds, refuseOnPds, signInOnPds, signUpOnPdsPages } from '../support/chromium.ts'
import { authorizeHere, enterHandle, noticeOf, whoIn } from '../support/portal.ts'

describeBrowser('signing in, in Chromium', () => {
  const scene = useScene({
    ACCOUNT_CREATION: 'on',
    PDS_OPTIONS: JSON.stringify([
      { name: 'Away', url: 'http://127.0.0.1:9', description: 'Nothing answers there.' },
      { name: 'Sandbox', url: inject('pdsUrl'), recommended: true },
    ]),
  })
  beforeEach(async () => {
    await scene.page.goto(scene.atgate.url)
  })

  /** What a script on the page gets of the API with the browser's cookie. */
  const currentUser = () =>
    scene.page.evaluate(async () => {
      const response = await fetch('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          query: 'query { currentUser { did handle pdsUrl grantedScopes session { kind } } }',
        }),
      })
      return ((await response.json()) as { data: { currentUser: unknown } }).data.currentUser
    })

  it('goes through the pages of the PDS, shows who I am, and signs out', async () => {
    const { page, atgate } = scene
    await enterHandle(page, 'alice.test')
    await authorizeHere(page, atgate.url)
    await noticeOf(page).getByText('You are signed in as alice.test.').waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    expect(await currentUser()).toMatchObject({
      handle: 'alice.test',
      pdsUrl: inject('pdsUrl'),
      grantedScopes: ['atproto'],
      session: { kind: 'BROWSER' },
    })
    await page.reload()
    await whoIn(page).getByText('alice.test').waitFor()

    await page.getByRole('button', { name: 'Sign out alice.test' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await noticeOf(page).getByText('alice.test is signed out.').waitFor()
    expect(await currentUser()).toBeNull()
  })

  it('comes back to the page that was asked for', async () => {
    const { page, atgate } = scene
    await page.goto(`${atgate.url}/sessions`)
    await enterHandle(page, 'alice.test')
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/sessions`)
  })

  it('says in words what is wrong with a handle, where it was entered', async () => {
    const { page, atgate } = scene
    const problem = page.getByRole('alert').filter({ hasText: /./ })
    await enterHandle(page, 'nobody.test')
    await problem.getByText('No account was found for nobody.test').waitFor()
    expect(await page.getByLabel('Handle').inputValue()).toBe('nobody.test')
    expect(await page.getByLabel('Handle').getAttribute('aria-invalid')).toBe('true')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('handle')
    await enterHandle(page, 'not a handle')
    await problem.getByText('is not a handle').waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
  })

  it('says so when the gateway cannot be reached, and goes on once it can', async () => {
    const { page, context } = scene
    await page.getByLabel('Handle').waitFor()
    await context.setOffline(true)
    await enterHandle(page, 'alice.test')
    await page.getByText('The gateway cannot be reached').waitFor()
    await context.setOffline(false)
    await enterHandle(page, 'alice.test')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })

  it('says so when the user denied', async () => {
    const { page, atgate } = scene
    await enterHandle(page, 'alice.test')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(page, SANDBOX_PASSWORD)
    await refuseOnPds(page)
    await noticeOf(page).getByText('You declined at your server. Nothing has changed.').waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    expect(await currentUser()).toBeNull()
  })

  it('creates an account on one of the PDS options, the recommended first', async () => {
    const { page, atgate } = scene
    await page.getByRole('heading', { name: 'No account yet?' }).waitFor()
    expect(await page.locator('.option strong').allTextContents()).toEqual(['Sandbox', 'Away'])
    const name = `new${randomBytes(4).toString('hex')}`
    await page.getByRole('button', { name: 'Create account on Sandbox' }).click()
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signUpOnPdsPages(page, { name, email: `${name}@example.com`, password: 'a-long-enough-password' })
    await allowOnPds(page)
    await page.waitForURL(`${atgate.url}/**`)
    await whoIn(page).getByText(`${name}.test`).waitFor()
  })

  it('says so when the server on which to create an account does not answer', async () => {
    const { page } = scene
    await page.getByRole('button', { name: 'Create account on Away' }).click()
    await page.getByRole('alert').getByText('does not answer').waitFor()
    await page.getByRole('button', { name: 'Create account on Sandbox' }).click()
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })

  it('works by keyboard alone', async () => {
    const { page } = scene
    await page.getByLabel('Handle').waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.type('alice.test')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })

  it('is ready for another try after going back from the PDS', async () => {
    const { page } = scene
    await enterHandle(page, 'alice.test')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await page.goBack()
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
    await enterHandle(page, 'bob.test')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })
})
