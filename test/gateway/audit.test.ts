import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AuditKind } from '../../src/audit/audit.ts'
import {
  LogoutAllDocument,
  LogoutDocument,
  RevokeDeveloperTokenDocument,
  RevokeSessionDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import {
  addAccount,
  codeOf,
  createDeveloperToken,
  dataOf,
  exchange,
  finishAs,
  startAddAccount,
  startScopeUpgrade,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const USER_AGENT = 'AuditTest/1.0'
const IP = '203.0.113.7'

type Recorded = { kind: AuditKind; did: string; sessionId: string; detail?: object }

describeGateway('the audit trail', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway({ TRUST_PROXY: '127.0.0.1' })
    // So that an event which took the time from elsewhere would show.
    await atgate.stores.advance(60 * 60 * 1000)
  })
  afterAll(() => atgate.close())

  /** A browser with an address and a user agent of its own. */
  function openBrowser(): HttpBrowser {
    const browser = createHttpBrowser(atgate.url)
    const client = { 'user-agent': USER_AGENT, 'x-forwarded-for': IP }
    return {
      ...browser,
      graphql: (document, variables, headers = {}) => browser.graphql(document, variables, { ...client, ...headers }),
    }
  }

  /** A browser with alice and bob signed in side by side, bob active. */
  async function openBrowserOfTwo() {
    const browser = openBrowser()
    return { browser, alice: await signIn(browser, 'alice.test'), bob: await addAccount(browser, 'bob.test') }
  }

  const allEvents = () =>
    atgate.stores.database.prisma.auditEvent.findMany({ orderBy: [{ kind: 'asc' }, { did: 'asc' }] })

  /** The events that `work` causes. Each is checked to be of now and to name the client that caused it. */
  async function during<T>(work: () => Promise<T>): Promise<{ events: Recorded[]; result: T }> {
    const before = new Set((await allEvents()).map(({ id }) => id))
    const begun = atgate.stores.clock()
    const result = await work()
    const ended = atgate.stores.clock()
    const written = (await allEvents()).filter(({ id }) => !before.has(id))
    const events = written.map(({ kind, did, sessionId, detail, ip, userAgent, at }) => {
      expect({ ip, userAgent }).toEqual({ ip: IP, userAgent: USER_AGENT })
      expect(at.getTime()).toBeGreaterThanOrEqual(begun)
      expect(at.getTime()).toBeLessThanOrEqual(ended)
      return { kind, did, sessionId, ...(detail === null ? {} : { detail }) } as Recorded
    })
    return { events, result }
  }

  const awaitingSession = () => atgate.stores.database.prisma.session.findFirstOrThrow({ where: { exchangedAt: null } })

  const event = (
    kind: AuditKind,
    { session, account }: { session: { id: string }; account: { did: string } },
    detail?: object,
  ): Recorded => ({ kind, did: account.did, sessionId: session.id, ...(detail === undefined ? {} : { detail }) })

  it('records the session that a sign-in creates', async () => {
    const { events, result: alice } = await during(() => signIn(openBrowser(), 'alice.test'))
    expect(events).toEqual([event('session_created', alice)])
  })

  it('records every session that a new sign-in in the same browser replaces, and by which one', async () => {
    const { browser, alice, bob } = await openBrowserOfTwo()
    const { events, result: carol } = await during(() => signIn(browser, 'carol.test'))
    const by = { by: carol.session.id }
    expect(events).toHaveLength(3)
    expect(events).toEqual(
      expect.arrayContaining([
        event('session_created', carol),
        event('session_replaced', alice, by),
        event('session_replaced', bob, by),
      ]),
    )
  })

  it('records the session of the same account that a new sign-in takes the place of, and no other', async () => {
    const { browser, alice } = await openBrowserOfTwo()
    const { events, result: renewed } = await during(() => signIn(browser, 'alice.test'))
    expect(events).toEqual([
      event('session_created', renewed),
      event('session_replaced', alice, { by: renewed.session.id }),
    ])
  })

  it('records an account that is added', async () => {
    const browser = openBrowser()
    await signIn(browser, 'alice.test')
    const { events, result: bob } = await during(() => addAccount(browser, 'bob.test'))
    expect(events).toEqual([event('account_added', bob)])
  })

  it('records a switch, as the account that was switched to', async () => {
    const { browser, alice } = await openBrowserOfTwo()
    const { events } = await during(async () => dataOf(await switchTo(browser, alice.account.did)))
    expect(events).toEqual([event('account_switched', alice)])
  })

  it('records a scope upgrade, as the upgraded session', async () => {
    const browser = openBrowser()
    await signIn(browser, 'alice.test')
    const destination = await finishAs(browser, await startScopeUpgrade(browser, ['transition:email']), 'alice.test')
    const { events, result } = await during(async () => dataOf(await exchange(browser, destination)).exchangeToken)
    expect(events).toEqual([event('scope_upgraded', result)])
  })

  it('records a developer token when it is created and when it is revoked, and by which session', async () => {
    const browser = openBrowser()
    const { account, session } = await signIn(browser, 'alice.test')
    const created = await during(() => createDeveloperToken(browser, { as: 'alice.test' }))
    const [, id = ''] = /^atgate_([0-9a-f]+)\./.exec(created.result) ?? []
    expect(created.events).toEqual([event('developer_token_created', { account, session: { id } })])
    const { events } = await during(async () =>
      dataOf(await browser.graphql(RevokeDeveloperTokenDocument, { input: { prefix: id.slice(0, 8) } })),
    )
    expect(events).toEqual([event('developer_token_revoked', { account, session: { id } }, { by: session.id })])
  })

  it('records a session that is signed out from elsewhere, and by which one', async () => {
    const lost = await signIn(openBrowser(), 'alice.test')
    const browser = openBrowser()
    const { session } = await signIn(browser, 'alice.test')
    const { events } = await during(async () =>
      dataOf(await browser.graphql(RevokeSessionDocument, { input: { id: lost.session.id } })),
    )
    expect(events).toEqual([event('session_revoked', lost, { by: session.id })])
  })

  it('records every account that logout signs out', async () => {
    const { browser, alice, bob } = await openBrowserOfTwo()
    const { events } = await during(async () => dataOf(await browser.graphql(LogoutDocument)))
    expect(events).toHaveLength(2)
    expect(events).toEqual(expect.arrayContaining([event('signed_out', alice), event('signed_out', bob)]))
  })

  it('records the account that logout with switchTo signs out, and the one that the browser goes on as', async () => {
    const { browser, alice, bob } = await openBrowserOfTwo()
    const input = { switchTo: alice.account.did }
    const { events } = await during(async () => dataOf(await browser.graphql(LogoutDocument, { input })))
    expect(events).toEqual([event('account_switched', alice), event('signed_out', bob)])
  })

  it('records an account that is unlinked, and by which session', async () => {
    const { browser, alice, bob } = await openBrowserOfTwo()
    const input = { did: alice.account.did }
    const { events } = await during(async () => dataOf(await browser.graphql(UnlinkAccountDocument, { input })))
    expect(events).toEqual([event('signed_out', alice, { by: bob.session.id })])
  })

  it('records every account that logoutAll signs out', async () => {
    const { browser, alice, bob } = await openBrowserOfTwo()
    const { events } = await during(async () => dataOf(await browser.graphql(LogoutAllDocument)))
    expect(events).toHaveLength(2)
    expect(events).toEqual(
      expect.arrayContaining([event('signed_out_everywhere', alice), event('signed_out_everywhere', bob)]),
    )
  })

  it('records an exchange that another client tries, and the session that is given up for it', async () => {
    const browser = openBrowser()
    const destination = await followCallback(browser, await authorize(browser, 'alice.test'))
    const { id, did } = await awaitingSession()
    const { events } = await during(async () => {
      expect(codeOf(await exchange(openBrowser(), destination))).toBe('EXCHANGE_TOKEN_INVALID')
    })
    expect(events).toEqual([
      { kind: 'exchange_refused', did, sessionId: id, detail: { reason: expect.stringMatching(/client/) } },
    ])
  })

  it('records an exchange whose group has ended meanwhile', async () => {
    const browser = openBrowser()
    await signIn(browser, 'alice.test')
    const destination = await finishAs(browser, await startAddAccount(browser, 'bob.test'), 'bob.test')
    const { id, did } = await awaitingSession()
    dataOf(await browser.graphql(LogoutDocument))
    const { events } = await during(async () => {
      expect(codeOf(await exchange(browser, destination))).toBe('EXCHANGE_TOKEN_INVALID')
    })
    expect(events).toEqual([
      { kind: 'exchange_refused', did, sessionId: id, detail: { reason: expect.stringMatching(/group/) } },
    ])
  })

  it('records nothing of a change that is refused', async () => {
    const { browser, bob } = await openBrowserOfTwo()
    const { events } = await during(async () => {
      // Nor of one to the account that is active already.
      dataOf(await switchTo(browser, bob.account.did))
      expect(codeOf(await switchTo(browser, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'))).toBe('ACCOUNT_NOT_LINKED')
      const input = { switchTo: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }
      expect(codeOf(await browser.graphql(LogoutDocument, { input }))).toBe('ACCOUNT_NOT_LINKED')
      expect(codeOf(await browser.graphql(RevokeSessionDocument, { input: { id: bob.session.id } }))).toBe(
        'BAD_USER_INPUT',
      )
    })
    expect(events).toEqual([])
  })
})
