import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { codeOf, currentUserOf, exchange, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { denyOnPds } from '../support/pds-pages.ts'
import { followCallback, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('the smaller holes', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(() => {
    browser = createHttpBrowser(atgate.url)
  })

  it.each([
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no issuer', (url: URL) => url.searchParams.delete('iss')],
  ])('an error response of %s is not believed', async (_whose, alter) => {
    const account = { username: 'alice.test', password: SANDBOX_PASSWORD }
    const callback = new URL(await denyOnPds(await startSignIn(browser, { handle: 'alice.test' }), account))
    alter(callback)
    expect((await followCallback(browser, callback.href)).searchParams.get('auth_error')).toBe('failed')
  })

  it('a request with two Host headers is refused', async () => {
    const { hostname, port, host } = new URL(atgate.url)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.write(`GET /auth/start HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /)
    socket.destroy()
  })

  it.each(['al ice.test', 'alice\u200b.test', 'ali\tce.test'])('%j is not taken for another handle', async (handle) => {
    const query = new URLSearchParams({ handle })
    const response = await browser.send(`/auth/start?${query}`, { headers: { accept: 'application/json' } })
    expect(await response.json()).toMatchObject({ error: 'INVALID_HANDLE' })
  })

  it('a message repeats no character that hides or reorders others', async () => {
    const query = new URLSearchParams({ handle: 'x\u202etset.ecila\u0007x' })
    const { text } = await browser.navigate(`/auth/start?${query}`)
    const message = /role="alert">([^<]*)</.exec(text)?.[1]
    expect(message).toContain('is not a handle')
    expect(message).not.toMatch(/\p{C}/u)
  })

  it('a text with U+0000 is a mistake of the client', async () => {
    await signIn(browser, 'alice.test')
    expect(codeOf(await switchTo(browser, 'did:plc:\0'))).toBe('BAD_USER_INPUT')
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
  })

  it('the log repeats nothing of a malformed exchange token', async () => {
    const malformed = 'token-that-nobody-may-read'
    const body = JSON.stringify({
      query: 'mutation M($input: ExchangeTokenInput!) { exchangeToken(input: $input) { sessionToken } }',
      variables: { input: { exchangeToken: [malformed] } },
    })
    const headers = { 'content-type': 'application/json', origin: atgate.url }
    const before = atgate.logLines.length
    const response = await browser.send('/graphql', { method: 'POST', headers, body })
    expect(await response.json()).toMatchObject({ errors: [{ message: expect.any(String) }] })
    await exchange(browser, new URL(`${atgate.url}/?exchange_token=${malformed}`))
    expect(atgate.logLines.length).toBeGreaterThan(before)
    expect(atgate.logLines.slice(before).join('\n')).not.toContain(malformed)
  })
})
