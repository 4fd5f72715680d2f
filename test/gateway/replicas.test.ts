import { afterEach, beforeEach, expect, it } from 'vitest'
import { CurrentUserDocument, ExchangeTokenDocument, LogoutDocument } from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { currentUserOf, dataOf, reachedBy, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, obtainExchangeToken, signIn } from '../support/sign-in.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

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
    const { data } = await there.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
    expect(data?.exchangeToken.account.handle).toBe('alice.test')
    expect((await currentUserOf(there))?.handle).toBe('alice.test')
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
    const answers = await Promise.all([...both, ...both].map((each) => each.graphql(ExchangeTokenDocument, { input })))
    expect(answers.filter(({ data }) => data !== null)).toHaveLength(1)
    await replica.close()
  })

  it('refuse a session that ended on another one', async () => {
    const replica = await atgate.startReplica()
    const browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    const there = browser.at(replica.url)
    const cookie = { cookie: `atgate=${await browser.sessionCookie()}` }
    const ask = async () => (await there.graphql(CurrentUserDocument, undefined, cookie)).data?.currentUser
    expect((await ask())?.handle).toBe('alice.test')
    await browser.graphql(LogoutDocument)
    await eventually(async () => (await ask()) === null, 'the other replica refuses the session', 1000)
    await replica.close()
  })

  it('let a token be used for the first time on all of them at once, and replace once', async () => {
    const replica = await atgate.startReplica()
    const browser = createHttpBrowser(atgate.url)
    const { session } = await signIn(browser, 'alice.test')
    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const input = { exchangeToken: await obtainExchangeToken(browser, 'bob.test') }
    dataOf(await browser.graphql(ExchangeTokenDocument, { input }))
    const both = [browser, browser.at(replica.url)]
    const users = await Promise.all([...both, ...both, ...both].map(currentUserOf))
    expect(users.map((user) => user?.handle)).toEqual(Array(6).fill('bob.test'))
    expect(await reachedBy(browser, former)).toBe('UNAUTHENTICATED')
    const where = { kind: 'session_replaced', sessionId: session.id }
    expect(await atgate.gateway.stores.db.auditEvent.count({ where })).toBe(1)
    await replica.close()
  })

  it('switch accounts at once: nobody is ever signed out, the cookie stays, and the last switch wins on both', async () => {
    const replica = await atgate.startReplica()
    const browser = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
    const there = browser.at(replica.url)
    const cookie = await browser.sessionCookie()
    const accounts = [didOf('alice.test'), didOf('bob.test')]
    const answers: string[] = []

    async function tab(who: HttpBrowser, from: number): Promise<void> {
      for (let round = 0; round < 25; round++) {
        const target = accounts[(from + round) % 2] ?? ''
        const { data } = await switchTo(who, target)
        answers.push(data?.switchAccount.account.did === target ? 'switched' : 'not switched')
        answers.push((await currentUserOf(who)) === null ? 'signed out' : 'signed in')
      }
    }
    await Promise.all([tab(browser, 0), tab(there, 1)])
    expect(new Set(answers)).toEqual(new Set(['switched', 'signed in']))
    for (const [who, did] of [
      [browser, accounts[0]],
      [there, accounts[1]],
    ] as const) {
      dataOf(await switchTo(who, did ?? ''))
      expect(await currentUserOf(who)).toMatchObject({ did })
      const sees = async (other: HttpBrowser) => (await currentUserOf(other))?.did === did
      await eventually(async () => (await sees(browser)) && (await sees(there)), 'both have switched', 1000)
    }
    expect(await browser.sessionCookie()).toBe(cookie)
    await replica.close()
  })
})
