import { afterEach, beforeEach, expect, it } from 'vitest'
import { CurrentUserDocument, ExchangeTokenDocument, LogoutDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

// Over the embedded stores the replicas share what a process would have had to itself, which no deployment can; the
// suite still shows that a gateway keeps nothing outside its stores.
describeGateway('replicas', () => {
  let atgate: TestGateway

  beforeEach(async () => {
    atgate = await startGateway()
  })
  afterEach(() => atgate.close())

  it('take over a flow whose gateway ended between start and callback', async () => {
    const replica = await atgate.startReplica()
    const browser = createHttpBrowser(atgate.url)
    const callback = await authorize(browser, 'alice.test')
    await atgate.stop()

    const there = browser.at(replica.url)
    const destination = await followCallback(there, callback)
    const exchangeToken = destination.searchParams.get('exchange_token') ?? ''
    const { data } = await there.graphql(ExchangeTokenDocument, { input: { exchangeToken } }, { origin: atgate.url })
    expect(data?.exchangeToken.account.handle).toBe('alice.test')
    expect(
      (await there.graphql(CurrentUserDocument, undefined, { origin: atgate.url })).data?.currentUser?.handle,
    ).toBe('alice.test')
    await replica.close()
  })

  it('let one of many callbacks and one of many exchanges succeed among them', async () => {
    const replica = await atgate.startReplica()
    const browser = createHttpBrowser(atgate.url)
    const callback = await authorize(browser, 'alice.test')
    const both = [browser, browser.at(replica.url)]
    const destinations = await Promise.all([...both, ...both].map((each) => followCallback(each, callback)))
    const tokens = destinations.flatMap((url) => url.searchParams.get('exchange_token') ?? [])
    expect(tokens).toHaveLength(1)

    const input = { exchangeToken: tokens[0] ?? '' }
    const answers = await Promise.all(
      [...both, ...both].map((each) => each.graphql(ExchangeTokenDocument, { input }, { origin: atgate.url })),
    )
    expect(answers.filter(({ data }) => data !== null)).toHaveLength(1)
    await replica.close()
  })

  it('refuse a session that ended on another one', async () => {
    const replica = await atgate.startReplica()
    const browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    const there = browser.at(replica.url)
    const ask = async () =>
      (await there.graphql(CurrentUserDocument, undefined, { origin: atgate.url })).data?.currentUser
    expect((await ask())?.handle).toBe('alice.test')
    await browser.graphql(LogoutDocument)
    expect(await ask()).toBeNull()
    await replica.close()
  })
})
