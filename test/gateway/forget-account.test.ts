import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  CurrentUserDocument,
  ForgetAccountDocument,
  type ForgetAccountMutation,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import {
  addAccount,
  codeOf,
  createDeveloperToken,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  outcomeOf,
  reachedBy,
  startDeveloperToken,
  startScopeUpgrade,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser, type GraphqlAnswer, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, obtainExchangeToken, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const MINUTE = 60_000

describeGateway('forgetAccount', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let did: string

  beforeAll(async () => {
    atgate = await startGateway({ NEW_ACCOUNT_PATH: '/hello' })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    did = (await signIn(browser, 'alice.test')).account.did
  })

  const forget = (
    by: HttpBrowser = browser,
    headers: Record<string, string> = {},
  ): Promise<GraphqlAnswer<ForgetAccountMutation>> => by.graphql(ForgetAccountDocument, { input: { did } }, headers)
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const grantsOf = () => atgate.gateway.stores.db.grant.findMany({ where: { did } })

  it('signs the account out everywhere, clears the cookie, and revokes every grant at the PDS', async () => {
    const elsewhere = createHttpBrowser(atgate.url)
    await signIn(elsewhere, 'alice.test')
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const grants = await Promise.all((await grantsOf()).map(({ id }) => openGrant(atgate.gateway, id)))
    expect(grants).toHaveLength(3)

    const { data, response } = await forget()
    expect(data).toEqual({ forgetAccount: { forgottenDid: did } })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=;/)])
    expect([await currentUserOf(browser), await currentUserOf(elsewhere)]).toEqual([null, null])
    const program = createHttpBrowser(atgate.url)
    expect((await program.graphql(CurrentUserDocument, undefined, bearer(token))).data?.currentUser).toBeNull()
    expect(await atgate.gateway.stores.db.account.count({ where: { did } })).toBe(0)
    await eventually(async () => (await grantsOf()).length === 0, 'the grants are revoked')
    for (const grant of grants) {
      const server = await askAuthorizationServer(atgate.gateway, grant)
      await expect(server.refresh()).rejects.toMatchObject({ error: 'invalid_grant' })
    }
  })

  it('leaves the others of the browser signed in, with the same cookie, and nobody in its place', async () => {
    const bob = await addAccount(browser, 'bob.test')
    dataOf(await browser.graphql(SwitchAccountDocument, { input: { targetDid: did } }))
    const cookie = await browser.sessionCookie()
    const { data, response } = await forget()
    expect(data?.forgetAccount.forgottenDid).toBe(did)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect(await currentUserOf(browser)).toBeNull()
    expect(await reachedBy(browser)).toEqual(['bob.test'])
    dataOf(await browser.graphql(SwitchAccountDocument, { input: { targetDid: bob.account.did } }))
    expect(await reachedBy(browser)).toEqual(['BOB.TEST'])
  })

  it('is refused to developer tokens, to nobody, and for another account than the request acts as', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const anybody = createHttpBrowser(atgate.url)
    expect(codeOf(await forget(anybody, bearer(token)))).toBe('FORBIDDEN')
    expect(codeOf(await forget(anybody))).toBe('UNAUTHENTICATED')
    const { account } = await addAccount(browser, 'bob.test')
    // Bob is active now.
    expect(codeOf(await forget())).toBe('BAD_USER_INPUT')
    expect(codeOf(await forget(browser, { 'atgate-account': account.did }))).toBe('BAD_USER_INPUT')
    expect(await reachedBy(browser)).toEqual(['alice.test', 'BOB.TEST'])
    expect(codeOf(await forget(browser, { 'atgate-account': did }))).toBeUndefined()
    expect(await reachedBy(browser)).toEqual(['BOB.TEST'])
  })

  it('asks for a sign-in that is more than an hour old to be repeated, which a scope upgrade does not do', async () => {
    await atgate.stores.advance(61 * MINUTE)
    const { errors, response } = await forget()
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining('Sign in again'),
      extensions: { code: 'NEEDS_REAUTHENTICATION' },
    })
    expect(response.status).toBe(200)
    const upgraded = await finishAs(browser, await startScopeUpgrade(browser, ['transition:email']), 'alice.test')
    dataOf(await exchange(browser, upgraded))
    expect(codeOf(await forget())).toBe('NEEDS_REAUTHENTICATION')
    const { authenticatedAt: before = '', ...old } = (await currentUserOf(browser))?.session ?? {}
    expect(old).toMatchObject({ isRecentlyAuthenticated: false })

    const again = await startSignIn(browser, { handle: did, prompt: 'login' })
    dataOf(await exchange(browser, await finishAs(browser, again, 'alice.test')))
    const { authenticatedAt: after = '', ...recent } = (await currentUserOf(browser))?.session ?? {}
    expect(recent).toMatchObject({ isRecentlyAuthenticated: true })
    expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(61 * MINUTE)
    expect(codeOf(await forget())).toBeUndefined()
    expect(await currentUserOf(browser)).toBeNull()
  })

  it('ends a sign-in that awaits its exchange, and flows that were begun as the account', async () => {
    const other = createHttpBrowser(atgate.url)
    const exchangeToken = await obtainExchangeToken(other, 'alice.test')
    const authUrl = await startDeveloperToken(browser)
    dataOf(await forget())
    const destination = new URL(`${atgate.url}/?exchange_token=${exchangeToken}`)
    expect(codeOf(await exchange(other, destination))).toBe('EXCHANGE_TOKEN_INVALID')
    expect(outcomeOf(await finishAs(browser, authUrl, 'alice.test'))).toMatchObject({ auth_error: 'expired' })
    await eventually(async () => (await grantsOf()).length === 0, 'the grants are revoked')
    // Nothing of the above has written what names the account.
    const { db } = atgate.gateway.stores
    expect(await db.account.count({ where: { did } })).toBe(0)
    expect(await db.auditEvent.count({ where: { did } })).toBe(0)
  })

  it('lets a sign-in go on whose callback comes afterwards: the account is a newcomer then', async () => {
    const other = createHttpBrowser(atgate.url)
    const callback = await authorize(other, 'alice.test')
    dataOf(await forget())
    const destination = await followCallback(other, callback)
    expect(destination.pathname).toBe('/hello')
    dataOf(await exchange(other, destination))
    expect((await currentUserOf(other))?.did).toBe(did)
  })
})
