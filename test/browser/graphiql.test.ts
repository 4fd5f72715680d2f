import type { Request } from 'playwright-core'
import { expect, it } from 'vitest'
import { LogoutAllDocument } from '../../web/generated/graphql.ts'
import { describeBrowser, useScene } from '../support/browser-suite.ts'
import { signedIn } from '../support/portal.ts'

/** The name of the operation that a request asks for: a query by POST, or a subscription by GET. */
function operationOf(request: Request): string | null {
  const { operationName } = (request.postDataJSON() ?? {}) as { operationName?: string }
  return operationName ?? new URL(request.url()).searchParams.get('operationName')
}

describeBrowser('GraphiQL, in Chromium', () => {
  const scene = useScene()

  /**
   * Runs the operation of a tab, once its editor holds it: a click before that runs what the editor held before. Only a
   * moment later does GraphiQL know by itself which operation that is. Until then it looks for the one of the tab
   * before, says that there is none, and has to be told once more.
   */
  async function runTab(name: string, field: string): Promise<void> {
    const { page } = scene
    const asked = new Set<string | null>()
    page.on('request', (request) => asked.add(operationOf(request)))
    const isRefused = () => page.locator('.result-window').getByText('Cannot infer operation').first().isVisible()
    await page.getByRole('tab', { name }).click()
    await page.locator('.graphiql-query-editor').getByText(field).first().waitFor()
    do {
      await page.getByRole('button', { name: /execute query/i }).click()
      await expect.poll(async () => asked.has(name) || (await isRefused())).toBe(true)
    } while (!asked.has(name))
  }

  it('opens with useful tabs, runs them with the signed-in cookie, and loads nothing from elsewhere', async () => {
    const { page, context, atgate } = scene
    await signedIn(context, atgate.url, ['alice.test'])
    const strays: string[] = []
    page.on('requestfailed', (request) => strays.push(`failed ${request.url()}`))
    page.on('request', (request) => {
      const isOurs = request.url().startsWith(atgate.url) || /^(data|blob):/.test(request.url())
      if (!isOurs) strays.push(request.url())
    })
    const describes = page.waitForResponse((response) => response.request().postData()?.includes('__schema') ?? false)
    await page.goto(`${atgate.url}/graphql`)
    expect(await (await describes).json()).toMatchObject({ data: { __schema: { queryType: { name: 'Query' } } } })
    const tabs = page.getByRole('tab', { name: /./ })
    await page.getByRole('button', { name: /execute query/i }).waitFor()
    const names = (await tabs.allInnerTexts()).join(' ')
    for (const name of ['WhoAmI', 'WhereAmI', 'AddAccount', 'SwitchAccount', 'CreateDeveloperToken', 'Changes']) {
      expect(names).toContain(name)
    }
    await runTab('WhoAmI', 'currentUser')
    await expect.poll(() => page.locator('.result-window').textContent()).toContain('alice.test')
    expect(strays).toEqual([])
  })

  it('is told of changes over server-sent events', async () => {
    const { page, context, atgate } = scene
    const browser = await signedIn(context, atgate.url, ['alice.test', 'bob.test'])
    await page.goto(`${atgate.url}/graphql`)
    const listens = page.waitForResponse((response) => response.headers()['content-type'] === 'text/event-stream')
    await runTab('Changes', 'sessionChanged')
    await listens
    await browser.graphql(LogoutAllDocument)
    await expect.poll(() => page.locator('.result-window').textContent()).toContain('SIGNED_OUT')
  })
})
