import { hash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  CurrentUserDocument,
  DeveloperTokensDocument,
  ExchangeTokenDocument,
  LogoutAllDocument,
  LogoutDocument,
  RevokeDeveloperTokenDocument,
  SessionsDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import { codeOf, dataOf, finishAs } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('a client that holds its token itself', () => {
  let atgate: TestGateway
  let client: HttpBrowser
  let token: string

  const verifier = randomBytes(32).toString('base64url')
  const exchangeChallenge = hash('sha256', verifier, 'base64url')
  const returnTo = 'http://127.0.0.1:45678/'

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    client = createHttpBrowser(atgate.url)
    const query = { handle: 'alice.test', exchange_challenge: exchangeChallenge, return_to: returnTo }
    token = (await finish(await startSignIn(client, query), 'alice.test')) ?? ''
  })

  const headers = () => ({ authorization: `Bearer ${token}` })
  const currentUser = async () => dataOf(await client.graphql(CurrentUserDocument, undefined, headers())).currentUser

  /** The user's own browser does the flow; the client gets what came of it for its verifier. */
  async function finish(authUrl: string, handle: string): Promise<string | null> {
    const destination = await finishAs(createHttpBrowser(atgate.url), authUrl, handle)
    expect(destination.origin).toBe('http://127.0.0.1:45678')
    const exchangeToken = destination.searchParams.get('exchange_token') ?? ''
    const { data, response } = await client.graphql(ExchangeTokenDocument, { input: { exchangeToken, verifier } })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(data).not.toBeNull()
    return data?.exchangeToken.sessionToken ?? null
  }

  it('gets a token with each account that it adds, and switches and signs out of one with the same token', async () => {
    const input = { handle: 'bob.test', exchangeChallenge, returnTo }
    const started = dataOf(await client.graphql(StartAddAccountDocument, { input }, headers())).startAddAccount
    const alice = (await currentUser())?.did ?? ''
    const added = await finish(started.authUrl, 'bob.test')
    // The former one is good until the new one is used.
    expect(await currentUser()).toMatchObject({ did: alice, linkedAccounts: [{ did: alice }] })
    token = added ?? ''
    expect(await currentUser()).toMatchObject({ handle: 'bob.test', session: { kind: 'SDK' } })
    const bob = (await currentUser())?.did ?? ''

    const switched = await client.graphql(SwitchAccountDocument, { input: { targetDid: alice } }, headers())
    expect(switched.response.headers.getSetCookie()).toEqual([])
    expect(dataOf(switched).switchAccount.sessionToken).toBeNull()
    expect((await currentUser())?.handle).toBe('alice.test')

    const left = dataOf(await client.graphql(LogoutDocument, { input: { switchTo: bob } }, headers())).logout
    expect(left.switchedTo?.did).toBe(bob)
    expect(left.sessionToken).toBeNull()
    expect((await currentUser())?.linkedAccounts.map(({ handle }) => handle)).toEqual(['bob.test'])
    expect(dataOf(await client.graphql(LogoutAllDocument, undefined, headers())).logoutAll.loggedOutCount).toBe(1)
    expect(await currentUser()).toBeNull()
  })

  it('upgrades its scopes, and makes, lists and revokes developer tokens', async () => {
    const upgrade = { scopes: ['transition:email'], exchangeChallenge, returnTo }
    const upgrading = await client.graphql(StartScopeUpgradeDocument, { input: upgrade }, headers())
    // The token goes on.
    expect(await finish(dataOf(upgrading).startScopeUpgrade.authUrl, 'alice.test')).toBeNull()
    expect((await currentUser())?.grantedScopes.toSorted()).toEqual(['atproto', 'transition:email'])

    const making = await client.graphql(
      StartDeveloperTokenDocument,
      { input: { name: 'ci', exchangeChallenge, returnTo } },
      headers(),
    )
    const developerToken = await finish(dataOf(making).startDeveloperToken.authUrl, 'alice.test')
    expect(developerToken).toMatch(/^atgate_/)
    const { developerTokens } = dataOf(await client.graphql(DeveloperTokensDocument, undefined, headers()))
    expect(developerTokens[0]?.name).toBe('ci')
    const input = { prefix: developerTokens[0]?.prefix ?? '' }
    dataOf(await client.graphql(RevokeDeveloperTokenDocument, { input }, headers()))
    expect(dataOf(await client.graphql(SessionsDocument, undefined, headers())).sessions.length).toBeGreaterThan(0)
  })

  it('must bind each flow by a challenge', async () => {
    const starts = [
      await client.graphql(StartAddAccountDocument, { input: { handle: 'bob.test' } }, headers()),
      await client.graphql(StartScopeUpgradeDocument, { input: { scopes: ['transition:email'] } }, headers()),
      await client.graphql(StartDeveloperTokenDocument, { input: {} }, headers()),
    ]
    expect(starts.map(codeOf)).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT', 'BAD_USER_INPUT'])
    const sent = starts.flatMap(({ response }) => response.headers.getSetCookie())
    expect(sent).toEqual([])
  })
})
