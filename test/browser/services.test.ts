import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { refuseOnPds, signInOnPds } from '../support/chromium.ts'
import { authorizeHere, enterHandle, noticeOf, signedIn, whoIn } from '../support/portal.ts'
import { openServiceBehind } from '../support/service-behind.ts'

const service = await openServiceBehind()
afterAll(() => service.close())

// The frontend is elsewhere, and the portal not at the root: what begins here must come back here.
const ENVIRONMENT = {
  SERVICE_ORIGINS: service.origin,
  TRUST_PROXY: '127.0.0.1',
  FRONTEND_URL: 'http://127.0.0.1:9',
  OAUTH_OPTIONAL_SCOPES: 'transition:generic',
}

describe.each(['/', '/account'])('with the portal at %s', (portalPath) => {
  describeBrowser('a service behind the gateway, in Chromium', () => {
    const scene = useScene({ ...ENVIRONMENT, PORTAL_PATH: portalPath })
    const portalUrl = (page = '') => `${scene.atgate.url}${portalPath.replace(/\/$/, '')}/${page}`

    beforeAll(() => service.ask(scene.atgate.url))
    beforeEach(() => scene.page.goto('about:blank'))

    const shows = (handle: string) => scene.page.getByRole('heading', { name: `Notes of ${handle}` }).waitFor()
    const signInPage = () => scene.page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()

    it('leads to the sign-in, and from the PDS back to the page that was asked for', async () => {
      const { page } = scene
      const wanted = `${service.origin}/notes/7?tag=a%20b&x=é#top`
      await page.goto(wanted)
      await signInPage()
      expect(page.url().startsWith(portalUrl())).toBe(true)
      await page.getByText(`You go on to ${new URL(service.origin).host} afterwards.`).waitFor()
      await enterHandle(page, 'alice.test')
      await authorizeHere(page, service.origin)
      await shows('alice.test')
      expect(page.url()).toBe(`${service.origin}/notes/7?tag=a%20b&x=%C3%A9`)
      // The next page needs no sign-in.
      await page.goto(`${service.origin}/other`)
      await shows('alice.test')
    })

    it('leads there after a refusal too, once it is tried again', async () => {
      const { page } = scene
      await page.goto(`${service.origin}/notes`)
      await enterHandle(page, 'alice.test')
      await page.waitForURL(`${inject('pdsUrl')}/**`)
      await signInOnPds(page, SANDBOX_PASSWORD)
      await refuseOnPds(page)
      await noticeOf(page).getByText('You declined at your server.').waitFor()
      expect(page.url().startsWith(portalUrl())).toBe(true)
      await enterHandle(page, 'alice.test')
      await authorizeHere(page, service.origin)
      await shows('alice.test')
    })

    it('whose active account was signed out, lets the person choose, and goes on as that one', async () => {
      const { page, context, atgate } = scene
      await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
      const { prisma } = atgate.stores.database
      const { did } = await prisma.account.findFirstOrThrow({ where: { handle: 'bob.test' } })
      await page.goto(portalUrl())
      await whoIn(page).getByText('bob.test').waitFor()
      await prisma.session.deleteMany({ where: { did } })
      await page.goto(`${service.origin}/notes`)
      await page.getByRole('heading', { name: 'Choose an account' }).waitFor()
      await page.getByRole('button', { name: 'Continue as alice.test' }).click()
      await shows('alice.test')
    })

    it('goes on only when asked to where nobody has just signed in, so that no two pages send a person to and fro', async () => {
      const { page, context, atgate } = scene
      await signedIn(context, atgate.url, ['alice.test'])
      await page.goto(`${portalUrl()}?${new URLSearchParams({ next: `${service.origin}/notes` })}`)
      await whoIn(page).getByText('alice.test').waitFor()
      expect(page.url().startsWith(portalUrl())).toBe(true)
      await page.getByRole('link', { name: `Go on to ${new URL(service.origin).host}` }).click()
      await shows('alice.test')
    })

    it('has the portal whole at its path, whatever the frontend is', async () => {
      const { page, context, atgate } = scene
      const failed: string[] = []
      page.on('response', (response) => {
        if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`)
      })
      await signedIn(context, atgate.url, ['alice.test'])
      await page.goto(portalUrl())
      await whoIn(page).getByText('alice.test').waitFor()
      await page.getByRole('link', { name: 'Permissions' }).click()
      expect(page.url()).toBe(portalUrl('permissions'))
      await page.reload()
      await page.getByLabel(/Read and write almost everything/).check()
      await page.getByRole('button', { name: 'Ask for these' }).click()
      await authorizeHere(page, atgate.url)
      await noticeOf(page).waitFor()
      expect(page.url()).toBe(portalUrl('permissions'))
      expect(failed).toEqual([])
    })

    // What may be gone on to does not depend on where the portal is.
    if (portalPath === '/') return

    it.each([
      ['another host', () => 'https://evil.example/'],
      ['a script', () => 'javascript:document.title="evil"'],
      [
        'the start of a sign-in, about which nobody would be asked',
        () => `${scene.atgate.url}/auth/start?handle=x.test`,
      ],
    ])('never goes on to %s', async (_what, next) => {
      const { page } = scene
      await page.goto(`${portalUrl()}?${new URLSearchParams({ next: next() })}`)
      await signInPage()
      expect(await page.getByText('You go on to').count()).toBe(0)
      await enterHandle(page, 'alice.test')
      await authorizeHere(page, scene.atgate.url)
      await noticeOf(page).getByText('You are signed in as alice.test.').waitFor()
      expect(page.url().startsWith(portalUrl())).toBe(true)
    })
  })
})
