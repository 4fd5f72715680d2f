import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  DeveloperTokensDocument,
  LogoutAllDocument,
  LogoutDocument,
  RevokeDeveloperTokenDocument,
  RevokeSessionDocument,
  SessionsDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { codeOf, currentUserOf, dataOf, switcherOf, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { HttpBrowser } from '../support/http-browser.ts'
import { listen } from '../support/session-changes.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const bob = didOf('bob.test')

describeGateway('the active account, once it was signed out from elsewhere', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = await signedInBrowser(atgate, ['bob.test', 'alice.test'])
  })

  /** Alice ends the session of this browser from another one. */
  async function revokeAlice(): Promise<void> {
    const sessionId = (await currentUserOf(browser))?.session.id ?? ''
    const elsewhere = await signedInBrowser(atgate, ['alice.test'])
    dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id: sessionId } }))
  }

  const linked = async () =>
    (await (
      await browser.send('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: '{ linkedAccounts { did isActive } }' }),
      })
    ).json()) as unknown

  it('is replaced by nobody: the other is one switch away', async () => {
    const tab = await listen(browser)
    await revokeAlice()
    expect(await currentUserOf(browser)).toBeNull()
    expect(await linked()).toEqual({ data: { linkedAccounts: [{ did: bob, isActive: false }] } })
    await eventually(async () => tab.kinds.includes('SIGNED_OUT'), 'the tab is told')
    expect(tab.hasEnded()).toBe(false)
    dataOf(await switchTo(browser, bob))
    await eventually(async () => tab.kinds.includes('ACCOUNT_SWITCHED'), 'the tab is told of the switch')
    tab.close()
    expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
  })

  describe('lets nothing happen as the other:', () => {
    it.each([
      ['developerTokens', DeveloperTokensDocument, {}],
      ['sessions', SessionsDocument, {}],
      ['startDeveloperToken', StartDeveloperTokenDocument, { input: {} }],
      ['startScopeUpgrade', StartScopeUpgradeDocument, { input: { scopes: ['transition:email'] } }],
      ['revokeDeveloperToken', RevokeDeveloperTokenDocument, { input: { prefix: '00000000' } }],
      ['revokeSession', RevokeSessionDocument, { input: { id: 'x' } }],
      ['unlinkAccount', UnlinkAccountDocument, { input: { did: bob } }],
    ] as const)('%s', async (_name, document, variables) => {
      await revokeAlice()
      const answer = await browser.graphql(document as TypedDocumentNode<unknown, object>, variables)
      expect(answer.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED', reason: 'ACCOUNT_SIGNED_OUT' } }])
      expect(answer.response.status).toBe(200)
      dataOf(await switchTo(browser, bob))
    })

    it('but what names it may', async () => {
      await revokeAlice()
      const answer = await browser.graphql(SessionsDocument, undefined, { 'atgate-account': bob })
      expect(dataOf(answer).sessions.length).toBeGreaterThan(0)
    })
  })

  it('can be added again, or left behind', async () => {
    await revokeAlice()
    const start = await browser.graphql(StartAddAccountDocument, { input: { handle: 'alice.test' } })
    expect(dataOf(start).startAddAccount.authUrl).toContain('/oauth/authorize')
    dataOf(await browser.graphql(LogoutDocument, { input: { switchTo: bob } }))
    expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
  })

  it.each([
    ['logout', LogoutDocument],
    ['logoutAll', LogoutAllDocument],
  ])('leaves a client that %s ends', async (_name, document) => {
    await revokeAlice()
    const { response } = await browser.graphql(document as TypedDocumentNode<unknown, object>, {})
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0/)])
    expect(codeOf(await switchTo(browser, bob))).toBe('UNAUTHENTICATED')
  })

  it('is nobody at all where no other was signed in: the client has ended', async () => {
    browser = await signedInBrowser(atgate, ['alice.test'])
    await revokeAlice()
    const answer = await browser.graphql(SessionsDocument)
    expect(answer.errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' })
    expect(await linked()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  })
})
