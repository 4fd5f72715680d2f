import { expect, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { currentUserOf } from '../support/flows.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { noticeOf, signedIn } from '../support/portal.ts'
import { signIn } from '../support/sign-in.ts'

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

describeBrowser('sessions, in Chromium', () => {
  const scene = useScene()
  const rows = () => scene.page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')

  it('are listed with their devices, and signed out one by one', async () => {
    const { page, context, atgate } = scene
    const { db } = atgate.gateway.stores
    await signedIn(context, atgate.url, ['alice.test'])
    const elsewhere = createHttpBrowser(atgate.url)
    const { session } = await signIn(elsewhere, 'alice.test')
    await db.session.update({ where: { id: session.id }, data: { userAgent: FIREFOX } })

    await page.goto(`${atgate.url}/sessions`)
    await rows().filter({ hasText: 'This one' }).waitFor()
    expect(await rows().count()).toBe(2)
    expect(await rows().filter({ hasText: 'This one' }).getByRole('button').count()).toBe(0)
    await page.getByRole('button', { name: 'Sign out Firefox on Windows' }).click()
    await noticeOf(page).getByText('Firefox on Windows is signed out.').waitFor()
    await rows().filter({ hasText: 'Firefox' }).waitFor({ state: 'detached' })
    expect(await currentUserOf(elsewhere)).toBeNull()
  })

  it('that have ended already are refused with the gateway’s words, and gone from the list', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['bob.test'])
    const { session } = await signIn(createHttpBrowser(atgate.url), 'bob.test')
    await page.goto(`${atgate.url}/sessions`)
    await rows().nth(1).waitFor()
    await atgate.gateway.stores.db.session.delete({ where: { id: session.id } })
    await rows()
      .getByRole('button', { name: /Sign out/ })
      .click()
    await noticeOf(page).getByText('This account has no such session').waitFor()
    await rows().nth(1).waitFor({ state: 'detached' })
  })
})
