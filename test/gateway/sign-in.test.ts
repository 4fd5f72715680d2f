import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument, ExchangeTokenDocument, PdsOptionsDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { followCallback, obtainExchangeToken, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('signing in', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  it('goes through the PDS and ends with the account in currentUser', async () => {
    const browser = createHttpBrowser(atgate.url)
    expect((await browser.graphql(CurrentUserDocument)).data).toEqual({ currentUser: null })

    const exchanged = await signIn(browser, 'alice.test')
    const { data, errors } = await browser.graphql(CurrentUserDocument)

    expect(errors).toEqual([])
    expect(data?.currentUser).toMatchObject({
      did: exchanged.account.did,
      handle: 'alice.test',
      pdsUrl: inject('pdsUrl'),
      grantedScopes: ['atproto'],
      missingScopes: [],
      linkedAccounts: [{ did: exchanged.account.did, handle: 'alice.test', isActive: true }],
      session: { kind: 'BROWSER', isCurrent: true, needsReauthentication: false },
    })
    expect(exchanged.session.id).toBe(data?.currentUser?.session.id)
    expect(exchanged.session.isCurrent).toBe(true)
  })

  it('hands the session over as a cookie that scripts and other sites cannot use, and in no other way', async () => {
    const browser = createHttpBrowser(atgate.url)
    const input = { exchangeToken: await obtainExchangeToken(browser, 'alice.test') }
    const { data, response } = await browser.graphql(ExchangeTokenDocument, { input })
    expect(data?.exchangeToken.sessionToken).toBeNull()

    const [line, ...others] = response.headers.getSetCookie()
    expect(others).toEqual([])
    const [pair, ...attributes] = (line ?? '').split('; ')
    expect(pair).toMatch(/^atgate=[0-9a-f]{32}\.[\w-]{43}$/)
    expect(attributes).toContain('HttpOnly')
    expect(attributes).toContain('SameSite=Lax')
    expect(attributes).toContain('Path=/')
    expect(attributes.join()).not.toMatch(/domain/i)
    // As long as browsers keep one. How long it is worth something is for the server to say.
    expect(attributes).toContain(`Max-Age=${400 * 86_400}`)
  })

  it('binds the flow to the browser by a client cookie that scripts cannot read', async () => {
    const browser = createHttpBrowser(atgate.url)
    const { status, setCookies } = await browser.navigate('/auth/start?handle=alice.test')
    expect(status).toBe(303)
    expect(setCookies).toEqual([
      expect.stringMatching(/^atgate-client=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/),
    ])
  })

  it('returns to the path that was asked for, with the exchange token beside what it had', async () => {
    const browser = createHttpBrowser(atgate.url)
    const authUrl = await startSignIn(browser, { handle: 'bob.test', return_to: '/settings?tab=1#x' })
    const callback = await authorizeOnPds(authUrl, { username: 'bob.test', password: SANDBOX_PASSWORD })
    const destination = await followCallback(browser, callback)
    expect(destination.origin).toBe(atgate.url)
    expect(destination.pathname).toBe('/settings')
    expect(destination.hash).toBe('#x')
    expect([...destination.searchParams.keys()]).toEqual(['tab', 'exchange_token'])
  })

  it.each([
    ['an @ before the handle', '@alice.test'],
    ['capitals and spaces', ' Alice.TEST '],
    ['an invisible mark copied with it', '\u202aalice.test\u202c'],
  ])('forgives %s', async (_what, handle) => {
    const authUrl = await startSignIn(createHttpBrowser(atgate.url), { handle })
    expect(new URL(authUrl).origin).toBe(inject('pdsUrl'))
  })

  it('takes a DID, and the address of the server, in place of a handle', async () => {
    const did = (await signIn(createHttpBrowser(atgate.url), 'carol.test')).account.did
    for (const handle of [did, inject('pdsUrl')]) {
      const browser = createHttpBrowser(atgate.url)
      const authUrl = await startSignIn(browser, { handle })
      const callback = await authorizeOnPds(authUrl, { username: 'carol.test', password: SANDBOX_PASSWORD })
      expect((await followCallback(browser, callback)).searchParams.has('exchange_token')).toBe(true)
    }
  })

  it('tells a page that asks for JSON where to go, instead of redirecting', async () => {
    const browser = createHttpBrowser(atgate.url)
    const response = await browser.send('/auth/start?handle=alice.test', { headers: { accept: 'application/json' } })
    expect(response.status).toBe(200)
    const { authUrl, expiresAt } = (await response.json()) as { authUrl: string; expiresAt: string }
    const callback = await authorizeOnPds(authUrl, { username: 'alice.test', password: SANDBOX_PASSWORD })
    expect((await followCallback(browser, callback)).searchParams.has('exchange_token')).toBe(true)
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(9 * 60_000)
  })

  it('lets two flows of one browser go side by side', async () => {
    const browser = createHttpBrowser(atgate.url)
    const first = await startSignIn(browser, { handle: 'alice.test' })
    const second = await startSignIn(browser, { handle: 'bob.test' })
    const bob = await authorizeOnPds(second, { username: 'bob.test', password: SANDBOX_PASSWORD })
    const alice = await authorizeOnPds(first, { username: 'alice.test', password: SANDBOX_PASSWORD })
    for (const callback of [alice, bob]) {
      expect((await followCallback(browser, callback)).searchParams.has('exchange_token')).toBe(true)
    }
  })

  it('asks for no more than the required scopes, and declares the optional ones', async () => {
    const metadata = (await (await fetch(`${atgate.url}/oauth-client-metadata.json`)).json()) as { scope: string }
    expect(metadata.scope.split(' ')).toEqual(['atproto', 'transition:generic', 'transition:email'])
    const browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    expect((await browser.graphql(CurrentUserDocument)).data?.currentUser?.grantedScopes).toEqual(['atproto'])
  })

  it('offers no account creation unless it is configured', async () => {
    const { data } = await createHttpBrowser(atgate.url).graphql(PdsOptionsDocument)
    expect(data).toEqual({ pdsOptions: { enabled: false, options: [] } })
  })

  it('is redirected from localhost to 127.0.0.1, where its cookies are', async () => {
    const { port } = new URL(atgate.url)
    const response = await fetch(`http://localhost:${port}/auth/start?handle=alice.test`, { redirect: 'manual' })
    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe(`${atgate.url}/auth/start?handle=alice.test`)
  })
})
