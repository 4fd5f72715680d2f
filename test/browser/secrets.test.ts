import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { openGrant } from '../support/grants.ts'
import { heapOf } from '../support/heap.ts'
import { authorizeHere, enterHandle, showsAccounts } from '../support/portal.ts'

describeBrowser('what scripts on the portal can reach', () => {
  const scene = useScene()

  /** Every answer that the page got from the gateway: headers as scripts see them, and bodies. */
  function noteAnswers(page: Page): () => Promise<string> {
    const answers: Promise<string>[] = []
    page.on('response', (response) => {
      if (!response.url().startsWith(scene.atgate.url)) return
      const { 'set-cookie': _unreadable, ...headers } = response.headers()
      const isRedirect = response.status() >= 300 && response.status() < 400
      const isStream = headers['content-type'] === 'text/event-stream'
      const body = isRedirect || isStream ? Promise.resolve('') : response.text().catch(() => '')
      answers.push(body.then((text) => `${response.url()} ${JSON.stringify(headers)} ${text}`))
    })
    return async () => (await Promise.all(answers)).join('\n')
  }

  it('holds no session secret, client cookie, OAuth token or key: cookies, storage, answers, caches, and all else in memory', async () => {
    const { page, context, atgate } = scene
    const { gateway } = atgate
    const answers = noteAnswers(page)
    await page.goto(atgate.url)
    await enterHandle(page, 'alice.test')
    await authorizeHere(page, atgate.url)
    await enterHandle(page, 'bob.test', 'Add account')
    await authorizeHere(page, atgate.url)
    await page.getByRole('button', { name: 'Switch to alice.test' }).click()
    await showsAccounts(page, ['ALICE.TEST', 'bob.test'])
    for (const [name, text] of [
      ['Tokens', 'No tokens yet.'],
      ['Sessions', 'This one'],
      ['Permissions', 'Allow more'],
    ] as const) {
      await page.getByRole('link', { name }).click()
      await page.getByText(text).waitFor()
    }

    const cookies = await context.cookies(atgate.url)
    const grants = await Promise.all((await gateway.stores.db.grant.findMany()).map(({ id }) => openGrant(gateway, id)))
    const secrets = [
      ...cookies.map(({ value }) => value.split('.').at(-1) ?? ''),
      ...grants.flatMap(({ tokenSet, dpopJwk }) => [
        tokenSet.access_token,
        tokenSet.refresh_token ?? '',
        String('d' in dpopJwk ? dpopJwk.d : ''),
      ]),
    ]
    expect(secrets).toHaveLength(8)
    expect(secrets.every((secret) => secret.length >= 32)).toBe(true)

    const storage = await page.evaluate(async () => {
      const databases = await indexedDB.databases()
      return JSON.stringify([
        document.cookie,
        { ...localStorage },
        { ...sessionStorage },
        databases,
        await caches.keys(),
      ])
    })
    const heap = await heapOf(page)
    const reachable = { storage, answers: await answers(), heap, page: await page.content() }
    for (const [place, text] of Object.entries(reachable)) {
      for (const secret of secrets) expect(text.includes(secret), `a secret in ${place}`).toBe(false)
    }
    const alice = await gateway.stores.db.account.findFirstOrThrow({ where: { handle: 'alice.test' } })
    expect(storage).toBe(JSON.stringify(['', {}, { 'atgate.account': alice.did }, [], []]))
    // The places were looked at: what is no secret is there.
    const { id } = await gateway.stores.db.session.findFirstOrThrow({ where: { did: alice.did } })
    expect(reachable.answers).toContain(id)
    expect(reachable.heap).toContain(id)
    expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]).toSorted()).toEqual([
      ['atgate', true, 'Lax'],
      ['atgate-client', true, 'Lax'],
    ])
  })
})
