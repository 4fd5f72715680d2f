import { expect, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { authorizeHere, noticeOf, signedIn, whoIn } from '../support/portal.ts'

const MINUTE = 60_000

describeBrowser('deleting one’s data, in Chromium', () => {
  const scene = useScene()

  const accountsOf = (handle: string) => scene.atgate.gateway.stores.db.account.count({ where: { handle } })

  async function confirm(handle: string): Promise<void> {
    const { page } = scene
    await page.getByRole('button', { name: 'Delete my data' }).click()
    const dialog = page.getByRole('dialog', { name: `Delete what this gateway knows of ${handle}?` })
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  }

  it('is found from the accounts, says what it does, asks, and ends signed out', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(atgate.url)
    await page.getByRole('link', { name: 'Delete what this gateway knows of alice.test' }).click()
    await page.getByRole('heading', { name: 'What is deleted' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/forget`)
    await page.getByRole('button', { name: 'Delete my data' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    expect(await accountsOf('alice.test')).toBe(1)
    await confirm('alice.test')
    await noticeOf(page).getByText('What this gateway knew of alice.test is deleted.').waitFor()
    await page.getByLabel('Handle').waitFor()
    expect(page.url()).toBe(`${atgate.url}/`)
    expect(await accountsOf('alice.test')).toBe(0)
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain('did:')
    expect((await context.cookies()).map(({ name }) => name)).not.toContain('atgate')
  })

  it('leaves the choice of the other accounts', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['bob.test', 'alice.test'])
    await page.goto(`${atgate.url}/forget`)
    await confirm('alice.test')
    await page.getByRole('heading', { name: 'Choose an account' }).waitFor()
    await page.getByRole('button', { name: /bob\.test/ }).click()
    await whoIn(page).getByText('bob.test').waitFor()
    expect(await accountsOf('alice.test')).toBe(0)
  })

  it('leads to the server and back where the last sign-in is more than an hour ago', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['bob.test', 'alice.test'])
    await atgate.stores.advance(61 * MINUTE)
    await page.goto(`${atgate.url}/forget`)
    await page.getByRole('heading', { name: 'Sign in again first' }).waitFor()
    expect(await page.getByRole('button', { name: 'Delete my data' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Sign in as alice.test' }).click()
    await authorizeHere(page, atgate.url)
    await page.getByRole('button', { name: 'Delete my data' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/forget`)
    await whoIn(page).getByText('alice.test').waitFor()
    await confirm('alice.test')
    await page.getByRole('heading', { name: 'Choose an account' }).waitFor()
    expect(await accountsOf('alice.test')).toBe(0)
  })

  it('asks for the sign-in where the hour has passed on the page', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/forget`)
    await page.getByRole('button', { name: 'Delete my data' }).waitFor()
    await atgate.stores.advance(61 * MINUTE)
    await confirm('alice.test')
    await noticeOf(page).getByText('Sign in again first.').waitFor()
    await page.getByRole('button', { name: 'Sign in as alice.test' }).waitFor()
    expect(await accountsOf('alice.test')).toBe(1)
  })
})
