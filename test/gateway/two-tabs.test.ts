import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/jobs/housekeeping.ts'
import {
  codeOf,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  startAddAccount,
  startScopeUpgrade,
  switcherOf,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const HOUR = 60 * 60 * 1000

describeGateway('two tabs of one browser', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })

  const arrivalOf = async (handle: string) => finishAs(browser, await startAddAccount(browser, handle), handle)

  /** Two exchanges whose requests were sent with the cookie that both tabs had: the cookies that they bring. */
  async function exchangeAtOnce(...destinations: URL[]): Promise<string[]> {
    const tabs = destinations.map(() => browser.copy())
    const cookies: string[] = []
    for (const [index, tab] of tabs.entries()) {
      dataOf(await exchange(tab, destinations[index] as URL))
      cookies.push((await tab.sessionCookie()) ?? '')
    }
    return cookies
  }

  const receive = (cookie: string | undefined) => browser.jar.setCookie(`atgate=${cookie}`, atgate.url)

  it.each<[string, (bob: string, carol: string) => Promise<unknown>, string[]]>([
    [
      'the answers come in order',
      async (bob, carol) => [await receive(bob), await receive(carol)],
      ['alice.test', 'bob.test', 'CAROL.TEST'],
    ],
    [
      'the answers come the other way round',
      async (bob, carol) => [await receive(carol), await receive(bob)],
      ['alice.test', 'BOB.TEST', 'carol.test'],
    ],
    [
      'the first is used before the second comes',
      async (bob, carol) => [await receive(bob), await switcherOf(browser), await receive(carol)],
      ['alice.test', 'bob.test', 'CAROL.TEST'],
    ],
    [
      'the second is used before the first comes',
      async (bob, carol) => [await receive(carol), await switcherOf(browser), await receive(bob)],
      ['alice.test', 'BOB.TEST', 'carol.test'],
    ],
  ])('that add accounts at once lose none: %s', async (_how, arrive, expected) => {
    const destinations = [await arrivalOf('bob.test'), await arrivalOf('carol.test')]
    const [bob = '', carol = ''] = await exchangeAtOnce(...destinations)
    await arrive(bob, carol)
    expect(await switcherOf(browser)).toEqual(expected)
    await atgate.stores.advance(25 * HOUR)
    await sweep(atgate.gateway)
    expect(await switcherOf(browser)).toEqual(expected)
  })

  it('that add accounts one after the other have both, although both flows began with the same cookie', async () => {
    const destinations = [await arrivalOf('bob.test'), await arrivalOf('carol.test')]
    for (const destination of destinations) dataOf(await exchange(browser, destination))
    expect(await switcherOf(browser)).toEqual(['alice.test', 'bob.test', 'CAROL.TEST'])
  })

  it('that upgrade scopes at once lose neither, in whichever order they are exchanged', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      browser = createHttpBrowser(atgate.url)
      await signIn(browser, 'alice.test')
      const authUrls = [
        await startScopeUpgrade(browser, ['transition:email']),
        await startScopeUpgrade(browser, ['transition:generic']),
      ]
      const destinations: URL[] = []
      for (const authUrl of authUrls) destinations.push(await finishAs(browser, authUrl, 'alice.test'))
      for (const index of order) dataOf(await exchange(browser, destinations[index] as URL))
      expect((await currentUserOf(browser))?.grantedScopes.toSorted()).toEqual([
        'atproto',
        'transition:email',
        'transition:generic',
      ])
    }
  })

  it('cannot both trade one exchange token', async () => {
    const destination = await arrivalOf('bob.test')
    const answers = await Promise.all([browser, browser.copy()].map((tab) => exchange(tab, destination)))
    expect(answers.map(codeOf).toSorted()).toEqual(['EXCHANGE_TOKEN_INVALID', undefined])
  })
})
