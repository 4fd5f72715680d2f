import { parse } from 'graphql'
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest'
import {
  CurrentUserDocument,
  LogoutDocument,
  RevokeSessionDocument,
  SessionsDocument,
  StartAddAccountDocument,
} from '../../web/generated/graphql.ts'
import {
  addAccount,
  codeOf,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  outcomeOf,
  reachedBy,
  startAddAccount,
  switcherOf,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const DAY = 24 * 60 * 60 * 1000

describeGateway('several accounts in one browser', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let alice: string

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    alice = (await signIn(browser, 'alice.test')).account.did
  })

  it('are linked by startAddAccount, which makes the new one active', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const destination = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    expect(outcomeOf(destination)).toEqual({ account_added: 'true' })
    // Not before the exchange.
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])

    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const { response, data } = await exchange(browser, destination)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(data?.exchangeToken).toMatchObject({
      sessionToken: null,
      account: { handle: 'bob.test', isActive: true },
      session: { isCurrent: true },
    })
    // Nor before the new cookie arrives: the former one is as good as it was.
    expect(await reachedBy(browser, former)).toEqual(['ALICE.TEST'])
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    const after = await countRows(atgate.gateway.stores.db)
    expect([after.sessions - before.sessions, after.groups - before.groups]).toEqual([1, 0])
  })

  it('are out of reach of the cookie from before, which is refused a minute after the new one was used', async () => {
    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const { account } = await addAccount(browser, 'bob.test')
    expect(await reachedBy(browser, former)).toEqual(['alice.test'])
    expect(codeOf(await switchTo(browser, account.did, former))).toBe('ACCOUNT_NOT_LINKED')

    await atgate.stores.advance(60_001)
    expect(await reachedBy(browser, former)).toBe('UNAUTHENTICATED')
    expect(codeOf(await switchTo(browser, alice, former))).toBe('UNAUTHENTICATED')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('come after the document that exchanges: its later fields act as before', async () => {
    const destination = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    const document = parse(`mutation ($token: String!, $alice: ID!) {
      exchangeToken(input: { exchangeToken: $token }) { account { handle isActive } session { isCurrent } }
      switchAccount(input: { targetDid: $alice }) { account { handle isActive } session { isCurrent } }
    }`)
    const token = destination.searchParams.get('exchange_token') ?? ''
    const { data, errors } = await browser.graphql(document, { token, alice })
    expect(errors).toEqual([])
    expect(data).toEqual({
      // As it is once the new cookie was used.
      exchangeToken: { account: { handle: 'bob.test', isActive: true }, session: { isCurrent: true } },
      switchAccount: { account: { handle: 'alice.test', isActive: true }, session: { isCurrent: true } },
    })
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('show the name and picture that the account has on its own PDS', async () => {
    await addAccount(browser, 'bob.test')
    const accounts = (await currentUserOf(browser))?.linkedAccounts
    expect(accounts?.map(({ displayName }) => displayName)).toEqual(['Alice', 'Bob'])
    const avatarUrl = accounts?.[1]?.avatarUrl ?? ''
    expect(avatarUrl.startsWith(`${inject('pdsUrl')}/xrpc/com.atproto.sync.getBlob?`)).toBe(true)
    expect((await fetch(avatarUrl)).headers.get('content-type')).toBe('image/png')
  })

  it('refuse to begin for a linked account, an unknown one, a malformed one, and for nobody', async () => {
    const start = async (from: HttpBrowser, handle: string, more = {}) =>
      codeOf(await from.graphql(StartAddAccountDocument, { input: { handle, ...more } }))
    expect(await start(browser, 'alice.test')).toBe('ALREADY_LINKED')
    expect(await start(browser, alice)).toBe('ALREADY_LINKED')
    expect(await start(browser, 'nobody.test')).toBe('HANDLE_NOT_FOUND')
    expect(await start(browser, 'no handle')).toBe('INVALID_HANDLE')
    expect(await start(browser, 'bob.test', { returnTo: '//evil.example' })).toBe('BAD_USER_INPUT')
    expect(await start(browser, 'bob.test', { exchangeChallenge: 'x'.repeat(43) })).toBe('BAD_USER_INPUT')
    expect(await start(createHttpBrowser(atgate.url), 'bob.test')).toBe('UNAUTHENTICATED')
  })

  /** Without the tokens, of which those that were replaced have another minute. */
  async function rows(): Promise<string> {
    const { tokens, ...others } = await countRows(atgate.gateway.stores.db)
    return JSON.stringify(others)
  }

  it('never have twins: an account that was added twice at once has one session, the later one', async () => {
    const authUrls = [await startAddAccount(browser, 'bob.test'), await startAddAccount(browser, 'bob.test')]
    const earlier = dataOf(await exchange(browser, await finishAs(browser, authUrls[0] ?? '', 'bob.test')))
    const before = await rows()
    const later = dataOf(await exchange(browser, await finishAs(browser, authUrls[1] ?? '', 'bob.test')))
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    expect((await currentUserOf(browser))?.session.id).toBe(later.exchangeToken.session.id)
    expect(earlier.exchangeToken.session.id).not.toBe(later.exchangeToken.session.id)
    await eventually(async () => (await rows()) === before, 'the replaced session and its grant are gone')
  })

  it('are not linked when the starter has signed out before the callback, or before the exchange', async () => {
    const authUrl = await startAddAccount(browser, 'bob.test')
    const late = await startAddAccount(browser, 'bob.test')
    const destination = await finishAs(browser, late, 'bob.test')
    await browser.graphql(LogoutDocument)
    expect(outcomeOf(await finishAs(browser, authUrl, 'bob.test'))).toEqual({
      auth_error: 'expired',
      auth_error_flow: 'add_account',
    })
    expect(codeOf(await exchange(browser, destination))).toBe('EXCHANGE_TOKEN_INVALID')
    expect(await currentUserOf(browser)).toBeNull()
  })

  it('are not linked where the browser has lost its cookie of the group, at the callback or at the exchange', async () => {
    const before = await rows()
    const late = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    const authUrl = await startAddAccount(browser, 'bob.test')
    const lost = { cookie: `atgate=${await browser.sessionCookie()}` }
    await browser.loseSessionCookie()
    expect(outcomeOf(await finishAs(browser, authUrl, 'bob.test'))).toEqual({
      auth_error: 'client_mismatch',
      auth_error_flow: 'add_account',
    })
    const { errors, response } = await exchange(browser, late)
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['EXCHANGE_TOKEN_INVALID'])
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await reachedBy(browser, lost)).toEqual(['ALICE.TEST'])
    await eventually(async () => (await rows()) === before, 'the grant is given back')
  })

  it.each([
    ['is active', undefined, 'bob.test'],
    ['a request names', () => ({ 'atgate-account': alice }), 'alice.test'],
  ])('slide each by itself: the one that %s, no further than its own grant', async (_which, headers, used) => {
    const { session } = await addAccount(browser, 'bob.test')
    const { db } = atgate.gateway.stores
    const { groupId } = await db.session.findUniqueOrThrow({ where: { id: session.id } })
    const expiresAt = new Date(atgate.stores.clock() + 2 * DAY)
    await db.session.updateMany({ where: { groupId }, data: { expiresAt } })
    await atgate.stores.advance(DAY)
    const { data } = await browser.graphql(CurrentUserDocument, undefined, headers?.())
    expect(data?.currentUser?.handle).toBe(used)
    await eventually(async () => {
      const group = await db.session.findMany({ where: { groupId }, include: { grant: true, account: true } })
      const slid = group.filter((each) => each.expiresAt.getTime() === each.grant.expiresAt.getTime())
      return slid.length === 1 && slid[0]?.account.handle === used
    }, 'it slides')
    const other = await db.session.findFirstOrThrow({ where: { groupId, account: { handle: { not: used } } } })
    expect(other.expiresAt).toEqual(expiresAt)
  })

  it('keep one whose grant was lost in the list, from which others can be switched to, and adding it again restores it', async () => {
    const { db } = atgate.gateway.stores
    await addAccount(browser, 'bob.test')
    const { grantId } = await db.session.findFirstOrThrow({
      where: { did: alice },
      orderBy: { createdAt: 'desc' },
    })
    await db.grant.update({ where: { id: grantId }, data: { state: 'lost' } })
    const needs = async () =>
      (await currentUserOf(browser))?.linkedAccounts.map((account) => [account.handle, account.needsReauthentication])
    expect(await needs()).toEqual([
      ['alice.test', true],
      ['bob.test', false],
    ])
    await switchTo(browser, alice)
    expect((await currentUserOf(browser))?.session.needsReauthentication).toBe(true)
    await addAccount(browser, 'alice.test')
    expect(await needs()).toEqual([
      ['alice.test', false],
      ['bob.test', false],
    ])
  })

  it('are dead for everything once their owner revoked them from elsewhere', async () => {
    const added = await addAccount(browser, 'bob.test')
    await switchTo(browser, alice)
    const elsewhere = createHttpBrowser(atgate.url)
    await signIn(elsewhere, 'bob.test')
    expect((await elsewhere.graphql(SessionsDocument)).data?.sessions.map(({ id }) => id)).toContain(added.session.id)
    dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id: added.session.id } }))
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    expect(codeOf(await switchTo(browser, added.account.did))).toBe('ACCOUNT_NOT_LINKED')
    expect(codeOf(await browser.graphql(LogoutDocument, { input: { switchTo: added.account.did } }))).toBe(
      'ACCOUNT_NOT_LINKED',
    )
  })
})
