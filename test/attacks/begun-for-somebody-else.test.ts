import { hash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { describeGateway } from '../support/suite.ts'

// The attack: a link with the attacker's challenge. After the victim's consent the page that it returns to has an
// exchange token in its URL, which the attacker's verifier redeems.
describeGateway('a flow with the challenge of somebody else', () => {
  let atgate: TestGateway
  const challenge = hash('sha256', randomBytes(32).toString('base64url'), 'base64url')

  beforeAll(async () => {
    atgate = await startGateway({ RETURN_URLS: 'com.example.app:/signed-in' })
  })
  afterAll(() => atgate.close())

  const path = (returnTo: string | null) =>
    `/auth/start?${new URLSearchParams({
      handle: 'alice.test',
      exchange_challenge: challenge,
      ...(returnTo === null ? {} : { return_to: returnTo }),
    })}`
  const call = (returnTo: string | null) =>
    createHttpBrowser(atgate.url).send(path(returnTo), { headers: { accept: 'application/json' } })

  it('is not begun by a navigation, wherever it comes from', async () => {
    for (const headers of [
      undefined,
      {},
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'application/json' },
    ]) {
      const { status, text } = await createHttpBrowser(atgate.url).navigate(path('http://127.0.0.1:4567/'), headers)
      expect(status).toBe(400)
      expect(text).toContain('begun by the client itself')
    }
  })

  it.each([null, '/some/page', 'https://app.example.com/'])('does not return to %s', async (returnTo) => {
    const response = await call(returnTo)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'BAD_USER_INPUT' })
  })

  it.each(['http://127.0.0.1:4567/', 'com.example.app:/signed-in'])(
    'returns to the device of the client: %s',
    async (returnTo) => {
      expect((await call(returnTo)).status).toBe(200)
    },
  )
})
