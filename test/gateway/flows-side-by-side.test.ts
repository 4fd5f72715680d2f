import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument } from '../../web/generated/graphql.ts'
import {
  currentUserOf,
  exchange,
  outcomeOf,
  startAddAccount,
  startDeveloperToken,
  startScopeUpgrade,
  switcherOf,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { followCallback, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('flows side by side', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  it.each(Array.from({ length: 5 }, (_, round) => [round]))(
    'three from within a session, at once in tabs of one browser: each gets its own (round %d)',
    async () => {
      const browser = createHttpBrowser(atgate.url)
      const alice = (await signIn(browser, 'alice.test')).account.did
      const name = randomBytes(4).toString('hex')
      const started = await Promise.all([
        startAddAccount(browser, 'bob.test'),
        startScopeUpgrade(browser, ['transition:email']),
        startDeveloperToken(browser, { name }),
      ])
      const handles = ['bob.test', 'alice.test', 'alice.test']
      const callbacks = await Promise.all(
        started.map((authUrl, index) =>
          authorizeOnPds(authUrl, { username: handles[index] ?? '', password: SANDBOX_PASSWORD }),
        ),
      )
      const destinations = await Promise.all(callbacks.map((callback) => followCallback(browser, callback)))
      expect(destinations.map(outcomeOf)).toEqual([
        { account_added: 'true' },
        { scope_upgraded: 'true' },
        { dev_token: 'true' },
      ])
      const [added, upgraded, token] = await Promise.all(destinations.map((each) => exchange(browser, each)))

      // Only the account that was added brings a token.
      const cookies = [added, upgraded, token].map((answer) => answer?.response.headers.getSetCookie().length)
      expect(cookies).toEqual([1, 0, 0])
      expect(added?.data?.exchangeToken.account.handle).toBe('bob.test')
      expect(upgraded?.data?.exchangeToken.account.did).toBe(alice)
      const headers = { authorization: `Bearer ${token?.data?.exchangeToken.sessionToken}` }
      const holder = await createHttpBrowser(atgate.url).graphql(CurrentUserDocument, undefined, headers)
      expect(holder.data?.currentUser).toMatchObject({ did: alice, session: { kind: 'DEVELOPER_TOKEN' } })

      // Whichever exchange came first: both accounts are linked once, in order, and the added one is active.
      const switcher = await switcherOf(browser)
      expect(switcher).toEqual(['alice.test', 'BOB.TEST'])
      const user = await currentUserOf(browser)
      const { db } = atgate.gateway.stores
      expect(user?.session.id).toBe(added?.data?.exchangeToken.session.id)
      const { groupId } = await db.session.findUniqueOrThrow({ where: { id: user?.session.id ?? '' } })
      expect(await db.session.count({ where: { groupId } })).toBe(2)
      const upgradedId = upgraded?.data?.exchangeToken.session.id ?? ''
      const { grant } = await db.session.findUniqueOrThrow({
        where: { id: upgradedId },
        include: { grant: true },
      })
      expect(grant.scope.split(' ').toSorted()).toEqual(['atproto', 'transition:email'])
    },
  )

  it('a new sign-in beside an account being added: the group that ended takes nothing with it', async () => {
    const browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
    const adding = await startAddAccount(browser, 'bob.test')
    const signingIn = await startSignIn(browser, { handle: 'carol.test' })
    const [bob, carol] = await Promise.all([
      authorizeOnPds(adding, { username: 'bob.test', password: SANDBOX_PASSWORD }),
      authorizeOnPds(signingIn, { username: 'carol.test', password: SANDBOX_PASSWORD }),
    ])
    const [added, signedIn] = [await followCallback(browser, bob), await followCallback(browser, carol)]
    expect((await exchange(browser, signedIn)).errors).toEqual([])
    expect((await exchange(browser, added)).errors[0]?.extensions.code).toBe('EXCHANGE_TOKEN_INVALID')
    expect(await switcherOf(browser)).toEqual(['CAROL.TEST'])
  })
})
