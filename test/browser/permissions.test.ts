import { expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { allowOnPds, refuseOnPds, signInOnPds } from '../support/chromium.ts'
import { calls, writes } from '../support/permission-sets.ts'
import { authorizeHere, noticeOf, signedIn } from '../support/portal.ts'
import { publishSet } from '../support/publisher.ts'

describeBrowser('permissions, in Chromium', () => {
  const scene = useScene()
  const allowed = () => scene.page.getByRole('list', { name: 'Allowed' })

  it('are shown in words, and more are asked for', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/permissions`)
    await allowed().getByText('Know which account is yours').waitFor()
    await page.getByRole('button', { name: 'Ask for these' }).click()
    await page.getByText('Choose at least one.').waitFor()
    await page.getByLabel('See your email address').check()
    await page.getByRole('button', { name: 'Ask for these' }).click()
    await authorizeHere(page, atgate.url)
    await noticeOf(page).getByText('alice.test has the permissions that you allowed.').waitFor()
    await allowed().getByText('See your email address').waitFor()
    expect(page.url()).toBe(`${atgate.url}/permissions`)
  })

  it('stay as they are when the user denied', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/permissions`)
    await page.getByLabel('See your email address').check()
    await page.getByRole('button', { name: 'Ask for these' }).click()
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(page, SANDBOX_PASSWORD)
    await refuseOnPds(page)
    await noticeOf(page).getByText('You declined at your server. Your permissions have not changed.').waitFor()
    expect(await allowed().getByRole('listitem').count()).toBe(1)
  })
})

describeBrowser('a session from before the gateway asked for more, in Chromium', () => {
  const scene = useScene({ OAUTH_SCOPE: 'atproto transition:email' })

  it('is asked to allow it, on every page', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    await atgate.gateway.stores.db.grant.updateMany({ data: { scope: 'atproto' } })
    await page.goto(`${atgate.url}/tokens`)
    await page.getByRole('button', { name: 'Create token' }).click()
    await page.getByText('This session lacks transition:email').waitFor()
    await page.getByRole('button', { name: 'Review and allow' }).click()
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Developer tokens' }).waitFor()
    expect(await page.getByText('needs more permissions').count()).toBe(0)
    await page.getByRole('button', { name: 'Create token' }).click()
    await page.waitForURL(`${inject('pdsUrl')}/**`)
  })
})

const SET = 'app.example.authPortal'

describeBrowser('a permission set, in Chromium', () => {
  const scene = useScene({ OAUTH_OPTIONAL_SCOPES: `include:${SET}` })
  const allowed = () => scene.page.getByRole('list', { name: 'Allowed' })

  it('is asked for by its title, on both sides, and shown with what it holds', async () => {
    const { page, context, atgate } = scene
    const permissions = [writes(['app.example.note'], ['create']), calls('app.example.search')]
    await publishSet(SET, { title: 'Your notes', detail: 'Write notes and search in them.', permissions })
    // The gateway looked for it when it started.
    await atgate.stores.advance(10 * 60_000)
    atgate.gateway.atproto.permissionSets.find(SET)
    await atgate.gateway.atproto.permissionSets.settle()

    await signedIn(context, atgate.url, ['alice.test'])
    await page.goto(`${atgate.url}/permissions`)
    await page.getByText('Write notes and search in them.').waitFor()
    await page.getByLabel('Your notes').check()
    await page.getByRole('button', { name: 'Ask for these' }).click()
    await page.waitForURL(`${inject('pdsUrl')}/**`)
    await signInOnPds(page, SANDBOX_PASSWORD)
    await page.getByText('Your notes').first().waitFor()
    await allowOnPds(page)
    await page.waitForURL(`${atgate.url}/**`)

    await allowed().getByText('Your notes').waitFor()
    expect(await allowed().getByRole('listitem').count()).toBe(2)
    await allowed().getByText('What it allows').click()
    await allowed().getByText('Create app.example.note records').waitFor()
    await allowed().getByText('Call app.example.search of any service as you').waitFor()

    await page.goto(`${atgate.url}/tokens`)
    await page.getByLabel('Your notes').waitFor()
    await page.getByRole('button', { name: 'Create token' }).click()
    await authorizeHere(page, atgate.url)
    await page.getByRole('heading', { name: 'Your new token' }).waitFor()
  })
})
