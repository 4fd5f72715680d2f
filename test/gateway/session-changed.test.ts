import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/jobs/housekeeping.ts'
import {
  LogoutAllDocument,
  LogoutDocument,
  RevokeSessionDocument,
  SessionsDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import {
  addAccount,
  createDeveloperToken,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  startAddAccount,
  startScopeUpgrade,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { replaceTokenSet } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { type Listener, listen } from '../support/session-changes.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000

describeGateway('sessionChanged', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let alice: string
  let bob: string
  const listeners: Listener[] = []

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    alice = (await signIn(browser, 'alice.test')).account.did
    bob = (await addAccount(browser, 'bob.test')).account.did
  })
  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close()
  })

  async function openTab(who: HttpBrowser = browser): Promise<Listener> {
    const tab = await listen(who)
    listeners.push(tab)
    expect(tab.status).toBe(200)
    return tab
  }

  const hears = (tab: Listener, kind: string) =>
    eventually(
      async () => tab.kinds.includes(kind),
      () => `${kind}, not ${tab.kinds}`,
    )
  const isEnded = (tab: Listener) => eventually(async () => tab.hasEnded(), 'the stream ends')

  it('tells every tab of each switch: a stream belongs to the token, whichever account is active', async () => {
    const tabs = [await openTab(), await openTab()]
    await switchTo(browser, alice)
    for (const tab of tabs) await hears(tab, 'ACCOUNT_SWITCHED')
    dataOf(await browser.graphql(UnlinkAccountDocument, { input: { did: bob } }))
    for (const tab of tabs) {
      await hears(tab, 'ACCOUNT_REMOVED')
      expect(tab.kinds).toEqual(['ACCOUNT_SWITCHED', 'ACCOUNT_REMOVED'])
      expect(tab.hasEnded()).toBe(false)
    }
  })

  it('tells nothing of a switch to the account that is active already', async () => {
    const tab = await openTab()
    dataOf(await switchTo(browser, bob))
    await switchTo(browser, alice)
    await hears(tab, 'ACCOUNT_SWITCHED')
    expect(tab.kinds).toEqual(['ACCOUNT_SWITCHED'])
  })

  it('tells of an account that was upgraded, removed, or signed out of', async () => {
    const tab = await openTab()
    const authUrl = await startScopeUpgrade(browser, ['transition:email'])
    dataOf(await exchange(browser, await finishAs(browser, authUrl, 'bob.test')))
    await hears(tab, 'SCOPES_UPGRADED')
    dataOf(await browser.graphql(LogoutDocument, { input: { switchTo: alice } }))
    await hears(tab, 'ACCOUNT_SWITCHED')
    expect(tab.kinds).toEqual(['SCOPES_UPGRADED', 'ACCOUNT_SWITCHED'])
    expect(tab.hasEnded()).toBe(false)
  })

  it('tells of an account that was added once its token is used, not before', async () => {
    const tab = await openTab()
    const former = { cookie: `atgate=${await browser.sessionCookie()}` }
    const authUrl = await startAddAccount(browser, 'carol.test')
    dataOf(await exchange(browser, await finishAs(browser, authUrl, 'carol.test')))
    dataOf(await switchTo(browser, alice, former))
    await hears(tab, 'ACCOUNT_SWITCHED')
    await currentUserOf(browser)
    await hears(tab, 'ACCOUNT_ADDED')
    expect(tab.kinds).toEqual(['ACCOUNT_SWITCHED', 'ACCOUNT_ADDED'])
  })

  it('ends with its token, a minute after a newer one was used; with that one a tab hears the rest', async () => {
    const tab = await openTab()
    await addAccount(browser, 'carol.test')
    await hears(tab, 'ACCOUNT_ADDED')
    const newer = await openTab()
    await atgate.stores.advance(60_001)
    await switchTo(browser, alice)
    await isEnded(tab)
    await hears(newer, 'ACCOUNT_SWITCHED')
    expect(newer.hasEnded()).toBe(false)
  })

  it.each([
    ['logout', () => browser.graphql(LogoutDocument)],
    ['logoutAll', () => browser.graphql(LogoutAllDocument)],
    ['signing in anew', () => signIn(browser, 'carol.test')],
  ])('tells that one is signed out: %s', async (_how, act) => {
    const tab = await openTab()
    await act()
    await hears(tab, 'SIGNED_OUT')
    await isEnded(tab)
  })

  it('tells that one is signed out from elsewhere, and goes on: the other accounts are still there', async () => {
    const tab = await openTab()
    const elsewhere = createHttpBrowser(atgate.url)
    await signIn(elsewhere, 'bob.test')
    const { sessions } = dataOf(await elsewhere.graphql(SessionsDocument))
    const { session } = (await currentUserOf(browser)) ?? {}
    expect(sessions.map(({ id }) => id)).toContain(session?.id)
    dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id: session?.id ?? '' } }))
    await hears(tab, 'SIGNED_OUT')
    dataOf(await switchTo(browser, alice))
    await hears(tab, 'ACCOUNT_SWITCHED')
    expect(tab.kinds).toEqual(['SIGNED_OUT', 'ACCOUNT_SWITCHED'])
    expect(tab.hasEnded()).toBe(false)
  })

  it('tells nothing to other groups, of the same account either', async () => {
    const phone = createHttpBrowser(atgate.url)
    await signIn(phone, 'bob.test')
    const tab = await openTab(phone)
    const own = await openTab()
    await switchTo(browser, alice)
    await hears(own, 'ACCOUNT_SWITCHED')
    expect(tab.kinds).toEqual([])
    expect(tab.hasEnded()).toBe(false)
  })

  it('tells that a session expired, once it is swept', async () => {
    const { db } = atgate.gateway.stores
    const tab = await openTab()
    const { id } = (await currentUserOf(browser))?.session ?? { id: '' }
    await db.session.update({ where: { id }, data: { expiresAt: new Date(0) } })
    await sweep(atgate.gateway)
    await hears(tab, 'SIGNED_OUT')
  })

  it('tells that a grant was lost', async () => {
    const { db } = atgate.gateway.stores
    const tab = await openTab()
    const { id } = (await currentUserOf(browser))?.session ?? { id: '' }
    const { grantId } = await db.session.findUniqueOrThrow({ where: { id } })
    await replaceTokenSet(atgate.gateway, grantId, { refresh_token: 'ref-of-nobody' })
    await ageGrant(db, grantId, 2 * HOUR)
    await currentUserOf(browser)
    await hears(tab, 'NEEDS_REAUTHENTICATION')
    expect((await currentUserOf(browser))?.session.needsReauthentication).toBe(true)
  })

  it('reaches the tabs of other replicas', async () => {
    const replica = await atgate.startReplica()
    const tab = await openTab(browser.at(replica.url))
    await switchTo(browser, alice)
    await hears(tab, 'ACCOUNT_SWITCHED')
    await replica.close()
    await isEnded(tab)
  })

  it.each([
    ['a switch', 'ACCOUNT_SWITCHED', () => switchTo(browser, alice)],
    ['signing out', 'SIGNED_OUT', () => browser.graphql(LogoutDocument)],
  ])('tells a tab that was a moment late: of %s while it subscribed', async (_what, kind, change) => {
    const { ephemeral } = atgate.gateway.stores
    const subscribe = ephemeral.subscribe
    ephemeral.subscribe = async (channel, listener) => {
      ephemeral.subscribe = subscribe
      await change()
      return subscribe.call(ephemeral, channel, listener)
    }
    const tab = await openTab()
    await hears(tab, kind)
    expect(tab.kinds).toEqual([kind])
    if (kind === 'SIGNED_OUT') await isEnded(tab)
    else expect(tab.hasEnded()).toBe(false)
  })

  it('is for those who are signed in in a group', async () => {
    const stranger = await listen(createHttpBrowser(atgate.url))
    await hears(stranger, 'UNAUTHENTICATED')
    const token = await createDeveloperToken(browser, { as: 'bob.test' })
    const program = await listen(createHttpBrowser(atgate.url), { authorization: `Bearer ${token}` })
    await hears(program, 'FORBIDDEN')
  })

  it('is refused to a foreign origin', async () => {
    const { status } = await listen(browser, { origin: 'https://evil.example' })
    expect(status).toBe(403)
  })

  it('lets go of tabs that were closed', async () => {
    const { ephemeral } = atgate.gateway.stores
    let open = 0
    const subscribe = ephemeral.subscribe.bind(ephemeral)
    ephemeral.subscribe = async (channel, listener) => {
      const unsubscribe = await subscribe(channel, listener)
      open++
      return async () => {
        open--
        await unsubscribe()
      }
    }
    const tab = await openTab()
    expect(open).toBe(1)
    tab.close()
    await eventually(async () => open === 0, 'the subscription ends')
    ephemeral.subscribe = subscribe
  })

  it('lets go of a tab that was closed while it subscribed', async () => {
    const { ephemeral } = atgate.gateway.stores
    const { subscribe } = ephemeral
    const [asked, answered, stopped] = [1, 2, 3].map(() => Promise.withResolvers<void>())
    ephemeral.subscribe = async (channel, listener) => {
      ephemeral.subscribe = subscribe
      const stop = await subscribe.call(ephemeral, channel, listener)
      asked?.resolve()
      await answered?.promise
      return async () => {
        await stop()
        stopped?.resolve()
      }
    }
    const gone = new AbortController()
    const request = browser.send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { sessionChanged { kind } }' }),
      signal: gone.signal,
    })
    await asked?.promise
    gone.abort()
    await expect(request).rejects.toThrow('aborted')
    await eventually(async () => atgate.gateway.runtime.streams.open() === 0, 'its place is free')
    answered?.resolve()
    await stopped?.promise
  })

  it('does not keep a gateway from closing while a tab subscribes', async () => {
    const other = await startGateway({ SHUTDOWN_SECONDS: '600' })
    const visitor = createHttpBrowser(other.url)
    await signIn(visitor, 'alice.test')
    const asked = Promise.withResolvers<void>()
    other.gateway.stores.ephemeral.subscribe = () => {
      asked.resolve()
      return new Promise(() => undefined)
    }
    const opening = listen(visitor)
    await asked.promise
    await other.close()
    await isEnded(await opening)
  })

  it('does not keep a gateway from closing', async () => {
    const other = await startGateway()
    const visitor = createHttpBrowser(other.url)
    await signIn(visitor, 'alice.test')
    const tab = await listen(visitor)
    await other.close()
    await isEnded(tab)
  })
})
