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
  startScopeUpgrade,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { replaceTokenSet } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { type Listener, listen } from '../support/session-changes.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

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

  it('tells every tab of a switch, and ends: their session is another one now', async () => {
    const tabs = [await openTab(), await openTab()]
    await switchTo(browser, alice)
    for (const tab of tabs) {
      await hears(tab, 'ACCOUNT_SWITCHED')
      await isEnded(tab)
      expect(tab.kinds).toEqual(['ACCOUNT_SWITCHED'])
    }
  })

  it('tells of an account that was added, upgraded, or removed', async () => {
    const before = await openTab()
    await addAccount(browser, 'carol.test')
    await hears(before, 'ACCOUNT_ADDED')
    const authUrl = await startScopeUpgrade(browser, ['transition:email'])
    const upgraded = await openTab()
    dataOf(await exchange(browser, await finishAs(browser, authUrl, 'carol.test')))
    await hears(upgraded, 'SCOPES_UPGRADED')
    const after = await openTab()
    dataOf(await browser.graphql(UnlinkAccountDocument, { input: { did: alice } }))
    await hears(after, 'ACCOUNT_REMOVED')
    // The active session is the same, so there may be more to tell.
    dataOf(await browser.graphql(LogoutDocument, { input: { switchTo: bob } }))
    await hears(after, 'ACCOUNT_SWITCHED')
    await isEnded(after)
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

  it('tells that one is signed out from elsewhere', async () => {
    const tab = await openTab()
    const elsewhere = createHttpBrowser(atgate.url)
    await signIn(elsewhere, 'bob.test')
    const { sessions } = dataOf(await elsewhere.graphql(SessionsDocument))
    const { session } = (await currentUserOf(browser)) ?? {}
    expect(sessions.map(({ id }) => id)).toContain(session?.id)
    dataOf(await elsewhere.graphql(RevokeSessionDocument, { input: { id: session?.id ?? '' } }))
    await hears(tab, 'SIGNED_OUT')
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
    await db.grant.update({ where: { id: grantId }, data: { updatedAt: new Date(0) } })
    await db.session.update({ where: { id }, data: { lastUsedAt: new Date(0) } })
    await currentUserOf(browser)
    await hears(tab, 'NEEDS_REAUTHENTICATION')
    expect((await currentUserOf(browser))?.session.needsReauthentication).toBe(true)
  })

  it('reaches the tabs of other replicas', async () => {
    const replica = await atgate.startReplica()
    const tab = await openTab(browser.at(replica.url))
    await switchTo(browser, alice)
    await hears(tab, 'ACCOUNT_SWITCHED')
    await isEnded(tab)
    await replica.close()
  })

  it('tells a tab that was a moment late', async () => {
    const replaced = { cookie: `atgate=${await browser.sessionCookie()}` }
    await switchTo(browser, alice)
    const tab = await listen(createHttpBrowser(atgate.url), replaced)
    await hears(tab, 'ACCOUNT_SWITCHED')
    await isEnded(tab)
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

  it('does not keep a gateway from closing', async () => {
    const other = await startGateway()
    const visitor = createHttpBrowser(other.url)
    await signIn(visitor, 'alice.test')
    const tab = await listen(visitor)
    await other.close()
    await isEnded(tab)
  })
})
