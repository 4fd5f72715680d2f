import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  addAccount,
  codeOf,
  currentUserOf,
  exchange,
  finishAs,
  startAddAccount,
  switcherOf,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { postGraphql } from '../support/post-graphql.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const SECOND = 1000

describeGateway('a cookie that was copied on a shared machine', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let thief: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    // All cookies of the browser, the client cookie among them.
    thief = browser.copy()
  })

  it('never reaches an account that was added later, and ends a minute after that', async () => {
    const bob = (await addAccount(browser, 'bob.test')).account.did
    await currentUserOf(browser)
    expect((await currentUserOf(thief))?.linkedAccounts ?? []).toEqual([])
    expect(codeOf(await switchTo(thief, bob))).toBe('ACCOUNT_NOT_LINKED')
    const asBob = await thief.send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'atgate-account': bob },
      body: JSON.stringify({ query: '{ currentUser { did } }' }),
    })
    expect(asBob.status).toBe(409)
    expect(await asBob.json()).toMatchObject({ errors: [{ extensions: { code: 'ACCOUNT_CHANGED' } }] })

    await atgate.stores.advance(60 * SECOND)
    expect(codeOf(await switchTo(thief, bob))).toBe('UNAUTHENTICATED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('gets no token that does, by adding an account of its own in that minute', async () => {
    const authUrl = await startAddAccount(thief, 'carol.test')
    await addAccount(browser, 'bob.test')
    await currentUserOf(browser)
    const destination = await finishAs(thief, authUrl, 'carol.test')
    expect(codeOf(await exchange(thief, destination))).toBe('EXCHANGE_TOKEN_INVALID')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    await eventually(
      async () => (await atgate.gateway.stores.db.grant.count({ where: { session: null } })) === 0,
      'the grant is given back',
    )
  })

  it('is no cookie of a group that it was not copied from', async () => {
    const authUrl = await startAddAccount(browser, 'bob.test')
    const destination = await finishAs(browser, authUrl, 'bob.test')
    // The client cookie alone outlives signing out.
    const signedOut = browser.copy()
    await signedOut.jar.setCookie('atgate=; Max-Age=0', atgate.url)
    expect(codeOf(await exchange(signedOut, destination))).toBe('EXCHANGE_TOKEN_INVALID')
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
  })

  it('does not finish another’s flow at the callback, nor without a session cookie', async () => {
    const authUrl = await startAddAccount(browser, 'bob.test')
    await browser.jar.setCookie('atgate=; Max-Age=0', atgate.url)
    const destination = await finishAs(browser, authUrl, 'bob.test')
    expect(Object.fromEntries(destination.searchParams)).toEqual({
      auth_error: 'client_mismatch',
      auth_error_flow: 'add_account',
    })
  })

  it('is worth nothing as a bearer token', async () => {
    const token = (await browser.sessionCookie()) ?? ''
    expect((await postGraphql(atgate.url, { query: '{ currentUser { did } }' }, { token })).data).toEqual({
      currentUser: null,
    })
  })
})
