import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { createDeveloperToken } from '../support/flows.ts'
import { signedIn } from '../support/portal.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const LOOKS = [
  ['light', 1280],
  ['light', 320],
  ['dark', 390],
] as const

/** Violations that axe-core finds, as the rule and the elements. */
async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const results = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run())
  expect(results.passes.length).toBeGreaterThan(5)
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
}

/** Whether something reaches out of the page to the right, so that a phone scrolls sideways. */
const overflows = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)

describeBrowser('the looks of the portal', () => {
  const scene = useScene({
    ACCOUNT_CREATION: 'on',
    PDS_OPTIONS: JSON.stringify([
      {
        name: 'Sandbox',
        url: inject('pdsUrl'),
        recommended: true,
        description: 'For trying things out.',
        infoUrl: 'https://atproto.com',
      },
    ]),
  })
  let shifts: () => Promise<number>

  beforeEach(async () => {
    // Cumulative layout shift, as Chromium counts it: what moved without anybody having touched anything.
    await scene.page.addInitScript(() => {
      const seen = window as unknown as { shifted: number }
      seen.shifted = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
          if (!entry.hadRecentInput) seen.shifted += entry.value
        }
      }).observe({ type: 'layout-shift', buffered: true })
    })
    shifts = () => scene.page.evaluate(() => (window as unknown as { shifted: number }).shifted)
  })
  afterEach(async () => expect(await shifts()).toBe(0))

  /**
   * Looks at the page as it is now, on a desk and on a phone, by day and by night. Night changes colours alone, which no
   * width changes.
   */
  async function inspect(): Promise<void> {
    const { page } = scene
    for (const [colorScheme, width] of LOOKS) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize({ width, height: 844 })
      expect(await violationsOn(page), `${colorScheme}, ${width} px`).toEqual([])
      expect(await overflows(page), `${colorScheme}, ${width} px`).toBe(false)
    }
    await page.setViewportSize({ width: 1280, height: 844 })
  }

  it('signing in: with nothing in it, and with an error', async () => {
    const { page, atgate } = scene
    await page.goto(atgate.url)
    await page.getByRole('heading', { name: 'No account yet?' }).waitFor()
    await inspect()
    await page.getByLabel('Handle').fill('not a handle')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByText('is not a handle').waitFor()
    await inspect()
  })

  it('the pages of the gateway itself: a question, a mistake, and nothing', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'carol.test'])
    for (const [path, heading] of [
      ['/auth/start?handle=bob.test', 'Sign in as @bob.test?'],
      ['/auth/start?handle=not%20a%20handle', 'Sign in'],
      ['/nowhere', 'Not found'],
    ] as const) {
      await page.goto(atgate.url + path)
      await page.getByRole('heading', { name: heading }).waitFor()
      await inspect()
    }
  })

  it('a refusal, and a gateway that is away', async () => {
    const { page, atgate } = scene
    await page.goto(`${atgate.url}/?auth_error=access_denied&auth_error_flow=login`)
    await page.getByText('You declined').waitFor()
    await inspect()
    await page.route('**/graphql', (route) => route.abort())
    await page.goto(atgate.url)
    await page.getByText('The gateway cannot be reached').waitFor()
    await inspect()
  })

  it('every page of somebody who is signed in', async () => {
    const { page, context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await createDeveloperToken(browser, {
      as: 'bob.test',
      name: 'a name that is long enough to need more room than a phone has',
    })
    for (const [path, text] of [
      ['/', 'Add another account'],
      ['/tokens', 'never used'],
      ['/sessions', 'This one'],
      ['/permissions', 'Allow more'],
      ['/forget', 'What is not deleted'],
    ] as const) {
      await page.goto(`${atgate.url}${path}`)
      await page.getByText(text).waitFor()
      await inspect()
      expect(await shifts()).toBe(0)
    }
    await page.getByRole('button', { name: 'Delete my data' }).click()
    await inspect()
    await atgate.stores.advance(61 * 60 * 1000)
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in again first' }).waitFor()
    await inspect()
  })

  it('a question, a notice, and an account that has to sign in again', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    const { db } = atgate.gateway.stores
    await db.grant.updateMany({ data: { state: 'lost' } })
    await page.goto(atgate.url)
    await page.getByText('no longer accepts this sign-in').waitFor()
    await inspect()
    await page.getByRole('button', { name: 'Sign out of all' }).click()
    await inspect()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Switch to alice.test' }).click()
    await page.getByText('You are now alice.test.').waitFor()
    await inspect()
  })

  it('a choice of accounts, where the one of the tab was signed out', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test', 'carol.test', 'bob.test'])
    await page.goto(atgate.url)
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
    const bob = await atgate.gateway.stores.db.account.findFirstOrThrow({ where: { handle: 'bob.test' } })
    await atgate.gateway.stores.db.session.deleteMany({ where: { did: bob.did } })
    await page.reload()
    await page.getByRole('heading', { name: 'Choose an account' }).waitFor()
    await inspect()
  })

  it('goes from page to page by keyboard, with the focus on what is new', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(atgate.url)
    await page.getByRole('heading', { name: 'Accounts' }).waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.textContent)
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to content')
    for (const name of ['Accounts', 'Tokens']) {
      await page.keyboard.press('Tab')
      expect(await focused()).toBe(name)
    }
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Developer tokens' }).waitFor()
    expect(await focused()).toBe('Developer tokens')
    await page.keyboard.press('Tab')
    await page.keyboard.type('by keyboard')
    expect(await page.getByLabel('Name').inputValue()).toBe('by keyboard')
    expect(await page.title()).toBe('Developer tokens · atgate')
  })

  it('is small: the script, the requests, and what is asked before the first form', async () => {
    const { page, atgate } = scene
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Network.enable')
    const received = new Map<string, number>()
    const kinds = new Map<string, string>()
    devtools.on('Network.responseReceived', ({ requestId, type }) => void kinds.set(requestId, type))
    devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      received.set(kinds.get(requestId) ?? '', (received.get(kinds.get(requestId) ?? '') ?? 0) + encodedDataLength)
    })
    await page.goto(atgate.url)
    await page.getByLabel('Handle').waitFor()
    await page.waitForLoadState('networkidle')
    expect(received.get('Script')).toBeGreaterThan(10_000)
    expect(received.get('Script')).toBeLessThan(120_000)
    const requests = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
    expect(requests.filter((url) => url.endsWith('/graphql'))).toHaveLength(2)
    expect(requests.length).toBeLessThanOrEqual(5)
  })
})
