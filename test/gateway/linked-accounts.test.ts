import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import {
  CurrentUserDocument,
  LogoutAllDocument,
  LogoutDocument,
  RevokeSessionDocument,
  SessionsDocument,
  StartAddAccountDocument,
  UnlinkAccountDocument,
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

  /** What a request gets that still carries this cookie. */
  const seenWith = async (cookie: string | null) => {
    const { data } = await createHttpBrowser(atgate.url).graphql(CurrentUserDocument, undefined, {
      cookie: `atgate=${cookie}`,
    })
    return data?.currentUser?.handle ?? null
  }

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

  it('never have twins: another account than the one named is linked, or replaces its own session', async () => {
    await addAccount(browser, 'bob.test')
    const before = await countRows(atgate.gateway.stores.db)
    // Carol was named, but Alice signed in, who is linked already.
    const destination = await finishAs(browser, await startAddAccount(browser, 'carol.test'), 'alice.test')
    dataOf(await exchange(browser, destination))
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
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

  describe('switching', () => {
    let bob: string

    beforeEach(async () => {
      bob = (await addAccount(browser, 'bob.test')).account.did
    })

    it('makes the other account active, under a fresh secret', async () => {
      const cookie = await browser.sessionCookie()
      const { data, response } = await switchTo(browser, alice)
      expect(data?.switchAccount).toMatchObject({
        account: { did: alice, isActive: true },
        session: { isCurrent: true },
        sessionToken: null,
      })
      expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=.*HttpOnly/)])
      expect(await browser.sessionCookie()).not.toBe(cookie)
      expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
    })

    it('refuses the active account and one that is not linked', async () => {
      expect(codeOf(await switchTo(browser, bob))).toBe('ALREADY_ACTIVE')
      expect(codeOf(await switchTo(browser, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'))).toBe('ACCOUNT_NOT_LINKED')
      expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    })

    it('lets the replaced secret answer for 10 s as its own account, change nothing, and then be refused', async () => {
      const cookie = await browser.sessionCookie()
      const replaced = { cookie: `atgate=${cookie}` }
      await switchTo(browser, alice)
      expect(await seenWith(cookie)).toBe('bob.test')
      const refused = await createHttpBrowser(atgate.url).graphql(LogoutDocument, undefined, replaced)
      expect(codeOf(refused)).toBe('FORBIDDEN')
      expect(refused.response.headers.getSetCookie()).toEqual([])
      expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])

      await atgate.stores.advance(10_001)
      expect(await seenWith(cookie)).toBeNull()
      await switchTo(browser, bob)
      expect(await seenWith(cookie)).toBeNull()
    })

    it('back and forth within the grace leaves the former secret its time', async () => {
      const cookie = await browser.sessionCookie()
      await switchTo(browser, alice)
      await switchTo(browser, bob)
      expect(await seenWith(cookie)).toBe('bob.test')
      await atgate.stores.advance(10_001)
      expect(await seenWith(cookie)).toBeNull()
      expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    })

    it('100 times from two tabs at once: never two active, never an answer for the wrong account', async () => {
      const { db } = atgate.gateway.stores
      const groupId = (
        await db.session.findFirstOrThrow({ where: { did: bob, isActive: true }, orderBy: { createdAt: 'desc' } })
      ).groupId
      const owners = new Map<string, string>()
      const wrong: string[] = []
      const outcomes: string[] = []

      /** What is true of the group at any moment, and of an answer to whoever showed `cookie`. */
      async function observe(cookie: string): Promise<string | undefined> {
        const headers = { cookie: `atgate=${cookie}` }
        const [{ data }, sessions] = await Promise.all([
          browser.graphql(CurrentUserDocument, undefined, headers),
          db.session.findMany({ where: { groupId } }),
        ])
        for (const session of sessions) owners.set(session.id, session.did)
        if (sessions.filter(({ isActive }) => isActive).length !== 1) wrong.push('not one active')
        const did = data?.currentUser?.did
        // Its own account, or nobody: the answer never belongs to the account of another session.
        const owner = owners.get(cookie.split('.')[0] ?? '')
        if (did !== undefined && did !== owner) wrong.push(`a session of ${owner} answered for ${did}`)
        return did
      }

      const switched = () => outcomes.filter((outcome) => outcome === 'switched').length

      async function tab(): Promise<void> {
        while (switched() < 100) {
          const did = await observe((await browser.sessionCookie()) ?? '')
          const answer = await switchTo(browser, did === alice ? bob : alice)
          outcomes.push(String(codeOf(answer) ?? 'switched'))
        }
      }
      await Promise.all([tab(), tab()])
      expect(wrong).toEqual([])
      // Where both tabs asked at once, one was refused.
      expect(['switched', 'FORBIDDEN', 'ALREADY_ACTIVE']).toEqual(expect.arrayContaining([...new Set(outcomes)]))
      // And the browser still is signed in: its cookie is that of the active session.
      const active = await db.session.findFirstOrThrow({ where: { groupId, isActive: true } })
      expect((await browser.sessionCookie())?.split('.')[0]).toBe(active.id)
      expect((await currentUserOf(browser))?.did).toBe(active.did)
    })

    it('goes on after signing out of one account with switchTo', async () => {
      const { data, response } = await browser.graphql(LogoutDocument, { input: { switchTo: alice } })
      expect(data?.logout).toMatchObject({ switchedTo: { did: alice, isActive: true }, sessionToken: null })
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    })

    it('refuses to sign out to the same account or to a stranger, and nothing has ended then', async () => {
      const logoutTo = async (target: string) =>
        codeOf(await browser.graphql(LogoutDocument, { input: { switchTo: target } }))
      expect(await logoutTo(bob)).toBe('ALREADY_ACTIVE')
      expect(await logoutTo('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('ACCOUNT_NOT_LINKED')
      expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    })
  })

  describe('unlinkAccount', () => {
    it('signs another account out, and touches neither the active session nor the cookie', async () => {
      const added = await addAccount(browser, 'bob.test')
      const cookie = await browser.sessionCookie()
      const { data, response } = await browser.graphql(UnlinkAccountDocument, { input: { did: alice } })
      expect(data).toEqual({ unlinkAccount: { unlinkedDid: alice } })
      expect(response.headers.getSetCookie()).toEqual([])
      expect(await browser.sessionCookie()).toBe(cookie)
      expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
      expect(codeOf(await switchTo(browser, alice))).toBe('ACCOUNT_NOT_LINKED')
      const { db } = atgate.gateway.stores
      const { groupId } = await db.session.findUniqueOrThrow({ where: { id: added.session.id } })
      expect(await db.session.count({ where: { groupId } })).toBe(1)
      await eventually(async () => (await db.grant.count({ where: { session: null } })) === 0, 'its grant is revoked')
    })

    it('refuses the active account, a stranger, and nobody; nothing has ended then', async () => {
      await addAccount(browser, 'bob.test')
      const { did } = (await currentUserOf(browser)) ?? { did: '' }
      const unlink = async (target: string, who = browser) =>
        codeOf(await who.graphql(UnlinkAccountDocument, { input: { did: target } }))
      expect(await unlink(did)).toBe('ALREADY_ACTIVE')
      expect(await unlink('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).toBe('ACCOUNT_NOT_LINKED')
      expect(await unlink(alice, createHttpBrowser(atgate.url))).toBe('UNAUTHENTICATED')
      expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    })

    it('does not reach the same account in another browser', async () => {
      const elsewhere = createHttpBrowser(atgate.url)
      await signIn(elsewhere, 'alice.test')
      await addAccount(browser, 'bob.test')
      dataOf(await browser.graphql(UnlinkAccountDocument, { input: { did: alice } }))
      expect((await currentUserOf(elsewhere))?.did).toBe(alice)
    })
  })

  it('all end with logoutAll, which counts them', async () => {
    await addAccount(browser, 'bob.test')
    const { data, response } = await browser.graphql(LogoutAllDocument)
    expect(data).toEqual({ logoutAll: { loggedOutCount: 2 } })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0;/)])
    expect(await currentUserOf(browser)).toBeNull()
  })

  it('all end with a logout after which none could be reached', async () => {
    const shared = createHttpBrowser(atgate.url)
    const before = await countRows(atgate.gateway.stores.db)
    await signIn(shared, 'alice.test')
    await addAccount(shared, 'bob.test')
    dataOf(await shared.graphql(LogoutDocument))
    expect(await currentUserOf(shared)).toBeNull()
    await eventually(
      async () => JSON.stringify(await countRows(atgate.gateway.stores.db)) === JSON.stringify(before),
      'both sessions, the group and the grants are gone',
    )
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

  it('keep one whose grant was lost in the list, from which others can be switched to, and adding it again mends it', async () => {
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
