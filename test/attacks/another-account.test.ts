import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import {
  currentUserOf,
  finishAs,
  outcomeOf,
  startAddAccount,
  startDeveloperToken,
  startScopeUpgrade,
  switcherOf,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows } from '../support/tables.ts'

// The attack: the user names one account, and a server or a person at the keyboard makes another one come back.
describeGateway('another account than the one that was named', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let bob: string
  let before: Awaited<ReturnType<typeof countRows>>

  beforeAll(async () => {
    atgate = await startGateway()
    bob = (await signIn(createHttpBrowser(atgate.url), 'bob.test')).account.did
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    before = await countRows(atgate.gateway.stores.db)
  })

  const refused = (flow: string) => ({
    auth_error: 'account_mismatch',
    auth_error_flow: flow,
    auth_error_account: bob,
  })

  it.each([
    ['login', () => startSignIn(browser, { handle: 'carol.test' })],
    ['add_account', () => startAddAccount(browser, 'carol.test')],
    ['scope_upgrade', () => startScopeUpgrade(browser, ['transition:email'])],
    ['developer_token', () => startDeveloperToken(browser)],
  ])('is refused for %s, and told to the frontend', async (flow, start) => {
    expect(outcomeOf(await finishAs(browser, await start(), 'bob.test'))).toEqual(refused(flow))
    expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
  })

  describe('where nobody was named', () => {
    it('may sign in: the user chose it at the server', async () => {
      const authUrl = await startSignIn(browser, { handle: inject('pdsUrl') })
      expect((await finishAs(browser, authUrl, 'bob.test')).searchParams.has('exchange_token')).toBe(true)
      expect((await currentUserOf(browser))?.handle).toBe('alice.test')
    })
  })
})
