import { expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { authorizeHere, giveCookies, noticeOf, whoIn } from '../support/portal.ts'
import { obtainExchangeToken } from '../support/sign-in.ts'

/** Every `auth_error` of the gateway (docs/errors.md), and what a person reads of it. */
const REASONS = [
  ['access_denied', 'You declined at your server.'],
  ['invalid_scope', 'Your server does not grant what this app asks for.'],
  ['expired', 'This took too long, or was already finished elsewhere.'],
  ['account_mismatch', 'You signed in at your server with another account'],
  ['client_mismatch', 'This was started in another browser.'],
  ['scope_missing', 'Your server did not grant everything that this app asked for.'],
  ['upstream_unavailable', 'Your server could not be reached.'],
  ['failed', 'Something went wrong.'],
  ['something_new', 'Something went wrong.'],
] as const

const CONSEQUENCES = [
  ['login', 'Nothing has changed.'],
  ['create_account', 'Nobody was signed in.'],
  ['add_account', 'No account was added.'],
  ['scope_upgrade', 'Your permissions have not changed.'],
  ['developer_token', 'No token was created.'],
] as const

describeBrowser('coming back to the portal', () => {
  const scene = useScene()

  it('from a flow that was refused says why in words, and leaves nothing of it in the address bar', async () => {
    const { page, atgate } = scene
    const cases = [
      ...REASONS.map(([error, words]) => ({ query: `auth_error=${error}&auth_error_flow=login`, words })),
      ...CONSEQUENCES.map(([flow, words]) => ({ query: `auth_error=failed&auth_error_flow=${flow}`, words })),
      { query: 'auth_error=expired', words: 'This took too long' },
    ]
    for (const { query, words } of cases) {
      await page.goto(`${atgate.url}/?kept=1&${query}`)
      await page.getByRole('alert').getByText(words).waitFor()
      expect(page.url()).toBe(`${atgate.url}/?kept=1`)
    }
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await noticeOf(page).waitFor({ state: 'detached' })
  })

  it('from another account than the one that was named offers to go on as that one', async () => {
    const { page, atgate } = scene
    await page.goto(atgate.url)
    const authUrl = await page.evaluate(async () => {
      const response = await fetch('/auth/start?handle=carol.test', { headers: { accept: 'application/json' } })
      return ((await response.json()) as { authUrl: string }).authUrl
    })
    await page.goto(await authorizeOnPds(authUrl, { username: 'bob.test', password: SANDBOX_PASSWORD }))
    await noticeOf(page).getByText('You signed in at your server with another account').waitFor()
    await page.getByRole('button', { name: 'Sign in as that account' }).click()
    await authorizeHere(page, atgate.url)
    await whoIn(page).getByText('bob.test').waitFor()
  })

  it('with an exchange token trades it without a trace in the history', async () => {
    const { page, context, atgate } = scene
    const browser = createHttpBrowser(atgate.url)
    const token = await obtainExchangeToken(browser, 'alice.test')
    await giveCookies(context, browser, atgate.url)
    await page.goto(`${atgate.url}/graphql`)
    await page.goto(`${atgate.url}/?exchange_token=${token}`)
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    await page.goBack()
    await page.goForward()
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    const navigations = await page.evaluate(() => JSON.stringify(performance.getEntriesByType('navigation')))
    expect(navigations).not.toContain(token)
  })

  it('with an exchange token of another browser says so, and signs nobody in', async () => {
    const { page, atgate } = scene
    const token = await obtainExchangeToken(createHttpBrowser(atgate.url), 'alice.test')
    await page.goto(`${atgate.url}/?exchange_token=${token}`)
    await page.getByRole('alert').getByText('belongs to another client').waitFor()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
  })

  it('twice with the same exchange token: the second time says so, and the session stands', async () => {
    const { page, context, atgate } = scene
    const browser = createHttpBrowser(atgate.url)
    const token = await obtainExchangeToken(browser, 'alice.test')
    await giveCookies(context, browser, atgate.url)
    await page.goto(`${atgate.url}/?exchange_token=${token}`)
    await page.getByRole('status').getByText('You are signed in as alice.test.').waitFor()
    await page.goto(`${atgate.url}/?exchange_token=${token}`)
    await page.getByRole('alert').getByText('already used').waitFor()
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
  })

  it('while the gateway is away says so, and tries again when asked', async () => {
    const { page, atgate } = scene
    await page.route('**/graphql', (route) => route.abort())
    await page.goto(atgate.url)
    await page.getByRole('alert').getByText('The gateway cannot be reached').waitFor()
    await page.unroute('**/graphql')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByLabel('Handle').waitFor()
  })

  it('at a path that is none of its pages is told so by the gateway', async () => {
    const { page, atgate } = scene
    expect((await page.goto(`${atgate.url}/nowhere`))?.status()).toBe(404)
  })
})
