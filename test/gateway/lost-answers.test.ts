import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/jobs/housekeeping.ts'
import { LogoutDocument } from '../../web/generated/graphql.ts'
import {
  addAccount,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  startAddAccount,
  startScopeUpgrade,
  switcherOf,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000

/** A phone in a tunnel, a closed tab, a replica killed after its commit: the gateway has done it, nobody was told. */
describeGateway('an answer that is lost', () => {
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

  /** The same browser, whose cookies the answer does not reach. */
  const inTunnel = () => browser.copy()
  const sessionsOf = (did: string) => atgate.gateway.stores.db.session.findMany({ where: { did } })

  /** A day and an hour on, in which the browser was used, housekeeping has gone round. */
  async function aDayLater(): Promise<void> {
    await atgate.stores.advance(25 * HOUR)
    await sweep(atgate.gateway)
  }

  async function expectGone(sessionId: string): Promise<void> {
    const { db } = atgate.gateway.stores
    expect(await db.session.findUnique({ where: { id: sessionId } })).toBeNull()
    await eventually(
      async () => (await db.grant.count({ where: { session: null } })) === 0,
      'the grants of ended sessions are revoked',
    )
  }

  it('of an added account leaves the browser with what it had; the account ends after a day', async () => {
    const destination = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    const { session } = dataOf(await exchange(inTunnel(), destination)).exchangeToken
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    await aDayLater()
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    await expectGone(session.id)
    await addAccount(browser, 'bob.test')
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
  })

  it('of a sign-in that replaces another leaves the browser signed in as before; the new session ends after a day', async () => {
    const destination = await followCallback(browser, await authorize(browser, 'bob.test'))
    const { session } = dataOf(await exchange(inTunnel(), destination)).exchangeToken
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    await aDayLater()
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    await expectGone(session.id)
  })

  it('of a sign-in as the same account leaves the session that it had, alone', async () => {
    const before = await currentUserOf(browser)
    const destination = await followCallback(browser, await authorize(browser, 'alice.test'))
    const { session } = dataOf(await exchange(inTunnel(), destination)).exchangeToken
    expect((await currentUserOf(browser))?.session.id).toBe(before?.session.id)
    await aDayLater()
    expect((await currentUserOf(browser))?.session.id).toBe(before?.session.id)
    await expectGone(session.id)
  })

  it('of a switch leaves the browser as the account that it switched to, with the other beside it', async () => {
    await addAccount(browser, 'bob.test')
    dataOf(await switchTo(inTunnel(), alice))
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
    await aDayLater()
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
  })

  it('of signing one account out leaves the browser as the other', async () => {
    await addAccount(browser, 'bob.test')
    dataOf(await inTunnel().graphql(LogoutDocument, { input: { switchTo: alice } }))
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
    await aDayLater()
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
  })

  it('of a scope upgrade leaves the browser with the new scopes', async () => {
    const before = await sessionsOf(alice)
    const destination = await finishAs(browser, await startScopeUpgrade(browser, ['transition:email']), 'alice.test')
    dataOf(await exchange(inTunnel(), destination))
    expect(await currentUserOf(browser)).toMatchObject({
      did: alice,
      grantedScopes: ['atproto', 'transition:email'],
      session: { isCurrent: true },
    })
    expect(await sessionsOf(alice)).toHaveLength(before.length)
  })

  it('of signing out leaves a cookie that is worth nothing', async () => {
    dataOf(await inTunnel().graphql(LogoutDocument))
    expect(await currentUserOf(browser)).toBeNull()
  })
})
