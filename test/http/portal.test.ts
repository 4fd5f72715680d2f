import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'

describe('the portal at PORTAL_PATH', () => {
  let atgate: TestGateway
  beforeAll(async () => {
    atgate = await startGateway({ PORTAL_PATH: '/my/account', SERVICE_ORIGINS: 'http://127.0.0.1:8080' })
  })
  afterAll(() => atgate.close())

  const get = (path: string) => createHttpBrowser(atgate.url).navigate(path)
  const hrefs = (html: string) => [...html.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path = '']) => path)

  it.each(['/my/account', '/my/account/', '/my/account/tokens', '/my/account/sessions', '/my/account/permissions'])(
    'has the page %s, and every file that it names',
    async (path) => {
      const { status, headers, text } = await get(path)
      expect([status, headers['cache-control']]).toEqual([200, 'no-cache'])
      expect(headers['content-security-policy']).toContain(`script-src ${atgate.url}/my/account/assets/;`)
      expect(text).toContain('<meta name="portal-path" content="/my/account/" />')
      const files = hrefs(text)
      expect(files).toHaveLength(3)
      for (const file of files) {
        expect(file.startsWith('/my/account/')).toBe(true)
        expect((await get(file)).status).toBe(200)
      }
    },
  )

  it('has nothing at the paths of an app that has the rest of the host', async () => {
    for (const path of ['/', '/tokens', '/icon.svg', '/my', '/my/account/index.html', '/my/account/graphiql.html']) {
      expect((await get(path)).status).toBe(404)
    }
  })

  it('lends its style to the gateway’s own pages, and they lead back to it', async () => {
    for (const path of ['/nothing', '/auth/start?handle=not+a+handle']) {
      const paths = hrefs((await get(path)).text)
      expect(paths.length).toBeGreaterThan(1)
      for (const path of paths) expect((await get(path)).status).toBe(200)
    }
    expect(hrefs((await get('/nothing')).text)).toContain('/my/account/')
  })

  it.each([
    ['http://127.0.0.1:8080/a?b="><script>', 'http://127.0.0.1:8080/a?b=%22%3E%3Cscript%3E'],
    ['http://127.0.0.1:8080/$1$&', 'http://127.0.0.1:8080/$1$&amp;'],
    ['https://evil.example/', ''],
    ['', ''],
  ])('says in its page that a sign-in goes on to %j: %j', async (next, content) => {
    const { text } = await get(`/my/account/?${new URLSearchParams({ next })}`)
    expect(text).toContain(`<meta name="next" content="${content}" />`)
  })
})
