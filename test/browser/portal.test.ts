import { expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { allowOnPds, refuseOnPds, signInOnPds } from '../support/chromium.ts'

describeBrowser('the page in Chromium', () => {
  const scene = useScene()

  async function enterHandle(handle: string): Promise<void> {
    await scene.page.getByLabel('Handle').fill(handle)
    await scene.page.getByRole('button', { name: 'Sign in' }).click()
  }

  async function signInAsAlice(): Promise<void> {
    await enterHandle('alice.test')
    await scene.page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(scene.page, SANDBOX_PASSWORD)
    await allowOnPds(scene.page)
    await scene.page.getByRole('heading', { name: 'alice.test' }).waitFor()
  }

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

  it('signs in through the pages of the PDS, shows who I am, and signs out', async () => {
    await signInAsAlice()
    expect(scene.page.url()).toBe(`${scene.atgate.url}/`)
    expect(await currentUser()).toMatchObject({
      handle: 'alice.test',
      pdsUrl: inject('pdsUrl'),
      grantedScopes: ['atproto'],
      session: { kind: 'BROWSER' },
    })
    await scene.page.reload()
    await scene.page.getByRole('heading', { name: 'alice.test' }).waitFor()

    await scene.page.getByRole('button', { name: 'Sign out' }).click()
    await scene.page.getByLabel('Handle').waitFor()
    expect(await currentUser()).toBeNull()
  })

  it('keeps the session out of reach of scripts, and the exchange token out of the history', async () => {
    await signInAsAlice()
    const cookies = await scene.context.cookies(scene.atgate.url)
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ['atgate-client', true, 'Lax'],
      ['atgate', true, 'Lax'],
    ])
    expect(await scene.page.evaluate(() => document.cookie)).toBe('')
    expect(await scene.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).toBe(
      '[{},{}]',
    )
    await scene.page.goBack()
    await scene.page.goForward()
    expect(scene.page.url()).not.toContain('exchange_token')
  })

  it('says in words what is wrong with a handle, where it was entered', async () => {
    await enterHandle('nobody.test')
    await expect
      .poll(() => scene.page.getByRole('alert').textContent())
      .toContain('No account was found for nobody.test')
    expect(await scene.page.getByLabel('Handle').inputValue()).toBe('nobody.test')
    await enterHandle('not a handle')
    await expect.poll(() => scene.page.getByRole('alert').textContent()).toContain('is not a handle')
    expect(scene.page.url()).toBe(`${scene.atgate.url}/`)
  })

  it('says so when the user denied', async () => {
    await enterHandle('alice.test')
    await scene.page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(scene.page, SANDBOX_PASSWORD)
    await refuseOnPds(scene.page)
    await scene.page.getByText('You did not allow the sign-in').waitFor()
    expect(scene.page.url()).toBe(`${scene.atgate.url}/`)
    expect(await currentUser()).toBeNull()
  })

  it('works by keyboard alone', async () => {
    await scene.page.getByLabel('Handle').waitFor()
    await scene.page.keyboard.press('Tab')
    await scene.page.keyboard.type('alice.test')
    await scene.page.keyboard.press('Enter')
    await scene.page.waitForURL(`${inject('pdsUrl')}/**`)
  })

  it('runs a query in GraphiQL with the cookie', async () => {
    await signInAsAlice()
    const failed: string[] = []
    scene.page.on('requestfailed', (request) => failed.push(request.url()))
    scene.page.on('request', (request) => {
      if (!request.url().startsWith(scene.atgate.url) && !/^(data|blob):/.test(request.url()))
        failed.push(request.url())
    })
    await scene.page.goto(`${scene.atgate.url}/graphql`)
    await scene.page.getByRole('button', { name: /execute query/i }).click()
    await expect
      .poll(() => scene.page.locator('.result-window').textContent(), { timeout: 15_000 })
      .toContain('alice.test')
    expect(failed).toEqual([])
  })
})
