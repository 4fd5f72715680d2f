import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument } from '../../web/generated/graphql.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { refuseOnPds, signInOnPds } from '../support/chromium.ts'
import { createDeveloperToken } from '../support/flows.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeHere, noticeOf, signedIn } from '../support/portal.ts'

const run = promisify(execFile)
const DAY = 24 * 60 * 60 * 1000

describeBrowser('developer tokens, in Chromium', () => {
  const scene = useScene({
    DEVELOPER_TOKEN_DEFAULT_DAYS: '10',
    DEVELOPER_TOKEN_MAX_DAYS: '30',
    OAUTH_SCOPE: 'atproto repo:com.example.note',
  })

  const handleFor = async (token: string) => {
    const program = createHttpBrowser(scene.atgate.url)
    const { data } = await program.graphql(CurrentUserDocument, undefined, { authorization: `Bearer ${token}` })
    return data?.currentUser?.handle
  }

  async function make(name: string, expiry: string): Promise<void> {
    const { page } = scene
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Ends after').selectOption(expiry)
    await page.getByRole('button', { name: 'Create token' }).click()
  }

  it('are made with a name and an end, shown once, copied, listed, and revoked after a question', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/tokens`)
    await page.getByText('No tokens yet.').waitFor()
    await make('nightly backup', '7 days')
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Your new token' }).waitFor()
    expect(page.url()).toBe(`${atgate.url}/tokens`)
    const token = (await page.locator('.secret').textContent()) ?? ''
    expect(token).toMatch(/^atgate_[0-9a-f]{32}\./)
    expect(await handleFor(token)).toBe('alice.test')

    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'Copy token' }).click()
    await page.getByText('Copied.').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(token)

    await page.getByText('Try it in a terminal').click()
    const command = (await page.locator('.example pre').textContent()) ?? ''
    expect(command).not.toContain(token)
    const { stdout } = await run('sh', ['-c', command], { env: { PATH: process.env.PATH, ATGATE_TOKEN: token } })
    expect(JSON.parse(stdout)).toMatchObject({ handle: 'alice.test' })

    const row = page.getByRole('listitem').filter({ hasText: 'nightly backup' })
    const ends = await row.locator('time').first().getAttribute('datetime')
    expect(Math.round((Date.parse(ends ?? '') - atgate.stores.clock()) / DAY)).toBe(7)

    await page.getByRole('button', { name: 'Done' }).click()
    expect(await page.content()).not.toContain(token)
    await page.reload()
    await row.waitFor()
    expect(await page.content()).not.toContain(token)

    await row.getByRole('button', { name: 'Revoke nightly backup' }).click()
    const dialog = page.getByRole('dialog', { name: 'Revoke nightly backup?' })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    expect(await handleFor(token)).toBe('alice.test')
    await row.getByRole('button', { name: 'Revoke nightly backup' }).click()
    await dialog.getByRole('button', { name: 'Revoke' }).click()
    await noticeOf(page).getByText('nightly backup is revoked.').waitFor()
    await page.getByText('No tokens yet.').waitFor()
    expect(await handleFor(token)).toBeUndefined()
  })

  it('get fewer permissions than the session has', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/tokens`)
    await page.getByLabel('Create, change and delete com.example.note records').uncheck()
    await make('reader', '7 days')
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Your new token' }).waitFor()
    const token = await atgate.gateway.stores.db.session.findFirstOrThrow({
      where: { kind: 'DEVELOPER_TOKEN' },
      include: { grant: true },
    })
    expect(token.grant.scope).toBe('atproto')
  })

  it('are refused with the gateway’s words when they would last too long', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/tokens`)
    await make('forever', '90 days')
    await page.getByText('expiresInDays must be from 1 to 30').waitFor()
    expect(await page.getByLabel('Name').inputValue()).toBe('forever')
  })

  it('are marked once their server has ended them', async () => {
    const { page, context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test'])
    await createDeveloperToken(browser, { as: 'alice.test', name: 'kept' })
    const lost = await createDeveloperToken(browser, { as: 'alice.test', name: 'lost' })
    const { db } = atgate.gateway.stores
    const id = lost.replace('atgate_', '').split('.')[0] ?? ''
    await db.session.update({ where: { id }, data: { grant: { update: { state: 'lost', lostReason: 'refused' } } } })
    await page.goto(`${atgate.url}/tokens`)
    const rows = page.getByRole('list', { name: 'Your tokens' }).getByRole('listitem')
    await rows.filter({ hasText: 'lost' }).getByText('Ended by its server').waitFor()
    expect(await rows.filter({ hasText: 'Ended by its server' }).count()).toBe(1)
  })

  it('are not made when the user denied at the PDS', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['bob.test'])
    await page.goto(`${atgate.url}/tokens`)
    await make('never', '7 days')
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(page, SANDBOX_PASSWORD)
    await refuseOnPds(page)
    await noticeOf(page).getByText('You declined at your server. No token was created.').waitFor()
    expect(page.url()).toBe(`${atgate.url}/tokens`)
    await page.getByText('No tokens yet.').waitFor()
  })
})
