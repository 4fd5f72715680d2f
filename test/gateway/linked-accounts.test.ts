import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest'
import {
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

    const { response, data } = await exchange(browser, destination)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(data?.exchangeToken).toMatchObject({ sessionToken: null, account: { handle: 'bob.test', isActive: true } })
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    const after = await countRows(atgate.gateway.stores.db)
    expect([after.sessions - before.sessions, after.groups - before.groups]).toEqual([1, 0])
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

  it('never have twins: an account that was added twice at once has one session, the later one', async () => {
    const authUrls = [await startAddAccount(browser, 'bob.test'), await startAddAccount(browser, 'bob.test')]
    dataOf(await exchange(browser, await finishAs(browser, authUrls[0] ?? '', 'bob.test')))
    const before = await countRows(atgate.gateway.stores.db)
    dataOf(await exchange(browser, await finishAs(browser, authUrls[1] ?? '', 'bob.test')))
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    await eventually(
      async () => JSON.stringify(await countRows(atgate.gateway.stores.db)) === JSON.stringify(before),
      'the replaced session and its grant are gone',
    )
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

  it('slide together, each no further than its own grant', async () => {
    const { session } = await addAccount(browser, 'bob.test')
    const { db } = atgate.gateway.stores
    const { groupId } = await db.session.findUniqueOrThrow({ where: { id: session.id } })
    await db.session.updateMany({ where: { groupId }, data: { expiresAt: new Date(atgate.stores.clock() + 2 * DAY) } })
    await atgate.stores.advance(DAY)
    await currentUserOf(browser)
    await eventually(async () => {
      const group = await db.session.findMany({ where: { groupId }, include: { grant: true } })
      return group.length === 2 && group.every((each) => each.expiresAt.getTime() === each.grant.expiresAt.getTime())
    }, 'both slide')
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
