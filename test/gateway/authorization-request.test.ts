import { CookieJar } from 'tough-cookie'
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { type ConfidentialGateway, startConfidentialGateway } from '../support/confidential-gateway.ts'
import { startAddAccount, startDeveloperToken, startScopeUpgrade } from '../support/flows.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { readAuthorizationPage, rememberOnPds } from '../support/pds-pages.ts'
import { signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('the authorization request that the PDS is pushed', () => {
  // A PDS of today makes `consent` of every prompt but `create` when the client is not confidential.
  let atgate: ConfidentialGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startConfidentialGateway({ ACCOUNT_CREATION: 'on', ACCOUNT_CREATION_ANY_PDS: 'on' })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url, atgate.publicUrl)
    await signIn(browser, 'alice.test')
  })

  const BASIC = { prompt: undefined, scope: 'atproto', sessions: [] }

  it('names the account of a login, and leaves the rest to the PDS', async () => {
    const page = await readAuthorizationPage(await startSignIn(browser, { handle: 'alice.test' }))
    expect(page).toEqual({ ...BASIC, loginHint: 'alice.test' })
  })

  it('asks for a sign-in, if that is wished for, and for no other prompt', async () => {
    const page = await readAuthorizationPage(await startSignIn(browser, { handle: 'alice.test', prompt: 'login' }))
    expect(page).toEqual({ ...BASIC, prompt: 'login', loginHint: 'alice.test' })
    for (const query of [
      { handle: 'alice.test', prompt: 'none' },
      { pds_url: inject('pdsUrl'), prompt: 'login' },
    ]) {
      await expect(startSignIn(browser, query)).rejects.toThrow(/400.*BAD_USER_INPUT/)
    }
  })

  it('asks for the sign-up page to create an account', async () => {
    const page = await readAuthorizationPage(await startSignIn(browser, { pds_url: inject('pdsUrl') }))
    expect(page).toEqual({ ...BASIC, prompt: 'create' })
  })

  it('asks for a sign-in to add an account', async () => {
    const page = await readAuthorizationPage(await startAddAccount(browser, 'bob.test'))
    expect(page).toEqual({ ...BASIC, prompt: 'login', loginHint: 'bob.test' })
  })

  it('names the account and all its scopes to upgrade them', async () => {
    const page = await readAuthorizationPage(await startScopeUpgrade(browser, ['transition:email']))
    expect(page).toEqual({ ...BASIC, scope: 'atproto transition:email', loginHint: 'alice.test' })
  })

  it('names the account and its scopes, and asks for consent, to create a developer token', async () => {
    const page = await readAuthorizationPage(await startDeveloperToken(browser))
    expect(page).toEqual({ ...BASIC, prompt: 'consent', loginHint: 'alice.test' })
  })

  it('has the password asked for anew, even where the PDS remembers the browser, to add an account and where it is wished for', async () => {
    const jar = new CookieJar()
    const bob = { username: 'bob.test', password: SANDBOX_PASSWORD }
    await rememberOnPds(await startSignIn(browser, { handle: 'bob.test' }), bob, jar)
    const passwordNeeded = async (authUrl: string) =>
      (await readAuthorizationPage(authUrl, jar)).sessions.map(({ account, loginRequired }) => [
        account.handle,
        loginRequired,
      ])
    expect(await passwordNeeded(await startSignIn(browser, { handle: 'bob.test' }))).toEqual([['bob.test', false]])
    expect(await passwordNeeded(await startAddAccount(browser, 'bob.test'))).toEqual([['bob.test', true]])
    const again = await startSignIn(browser, { handle: 'bob.test', prompt: 'login' })
    expect(await passwordNeeded(again)).toEqual([['bob.test', true]])
  })
})
