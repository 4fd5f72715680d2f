import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/jobs/housekeeping.ts'
import { newSecret } from '../../src/platform/random.ts'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import { currentUserOf, dataOf, exchange, finishAs, startAddAccount } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { postGraphql } from '../support/post-graphql.ts'
import { followCallback, obtainExchangeToken, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

describeGateway('how long a token is worth something', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    // A grant of the sandbox's public client ends after 14 days; what is asked here is when the gateway's own things end.
    atgate = await startGateway({ SESSION_DAYS: '30' })
  })
  afterAll(() => atgate.close())
  beforeEach(() => {
    browser = createHttpBrowser(atgate.url)
  })

  async function later(ms: number): Promise<void> {
    await atgate.stores.advance(ms)
    await sweep(atgate.gateway)
  }

  /** Signs an SDK in, which stores its token. */
  async function sdkToken(): Promise<string> {
    const verifier = newSecret()
    const exchange_challenge = createHash('sha256').update(verifier).digest('base64url')
    const return_to = 'http://127.0.0.1:1/'
    const authUrl = await startSignIn(browser, { handle: 'alice.test', exchange_challenge, return_to })
    const callback = await authorizeOnPds(authUrl, { username: 'alice.test', password: SANDBOX_PASSWORD })
    const exchangeToken = (await followCallback(browser, callback)).searchParams.get('exchange_token') ?? ''
    const answer = await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken, verifier } })
    return dataOf(answer).exchangeToken.sessionToken ?? ''
  }

  const seenWith = async (token: string) =>
    (await postGraphql(atgate.url, { query: '{ currentUser { handle } }' }, { token })).data

  it('an SDK’s that is stored is good next week, as long as its session lasts', async () => {
    const token = await sdkToken()
    await later(8 * DAY)
    expect(await seenWith(token)).toEqual({ currentUser: { handle: 'alice.test' } })
  })

  it('an SDK’s that is stored for a month has outlived its session, which is signed out and gone', async () => {
    const token = await sdkToken()
    await later(31 * DAY)
    expect(await seenWith(token)).toEqual({ currentUser: null })
    expect(await atgate.gateway.stores.db.clientToken.count()).toBe(0)
  })

  it('a phone’s that was used once is good after a day asleep', async () => {
    await signIn(browser, 'alice.test')
    await currentUserOf(browser)
    await later(2 * DAY)
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
  })

  it('a browser’s that was never used ends after a day, with what it alone reaches', async () => {
    const gone = createHttpBrowser(atgate.url)
    const sessionIds: string[] = []
    for (const each of [browser, gone]) {
      const input = { exchangeToken: await obtainExchangeToken(each, 'bob.test') }
      sessionIds.push(dataOf(await each.graphql(ExchangeTokenDocument, { input })).exchangeToken.session.id)
    }
    await later(23 * HOUR)
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    await later(HOUR)
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    expect(await currentUserOf(gone)).toBeNull()
    const left = await atgate.gateway.stores.db.session.findMany({
      where: { did: (await currentUserOf(browser))?.did ?? '' },
    })
    expect(left.map(({ id }) => id)).toEqual([sessionIds[0]])
  })

  it('an older one of the client ends a minute after a newer one was used, and its requests under way go on', async () => {
    await signIn(browser, 'alice.test')
    const underWay = browser.copy()
    await currentUserOf(underWay)
    dataOf(await exchange(browser, await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')))
    await currentUserOf(browser)
    // The clock goes on by itself, too.
    await later(40_000)
    const named = { 'atgate-account': (await currentUserOf(browser))?.linkedAccounts[0]?.did ?? '' }
    const answer = await underWay.send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...named },
      body: JSON.stringify({ query: '{ currentUser { handle } }' }),
    })
    expect(await answer.json()).toEqual({ data: { currentUser: { handle: 'alice.test' } } })
    await later(20_000)
    expect(await currentUserOf(underWay)).toBeNull()
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
  })
})
