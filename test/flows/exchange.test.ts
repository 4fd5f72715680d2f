import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bindToChallenge, bindToCookie, type ClientBinding, newClientCookie } from '../../src/flows/client-binding.ts'
import { type Exchanged, exchange } from '../../src/flows/exchange.ts'
import { EXCHANGE_TOKEN_TTL, issueExchangeToken } from '../../src/flows/exchange-token.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import type { FlowKind } from '../../src/flows/flow-definition.ts'
import { newSecret } from '../../src/platform/random.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { formatSessionToken } from '../../src/sessions/token.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import {
  aSession,
  aViewer,
  type BuiltViewer,
  CLIENT,
  didOf,
  eventsOf,
  type SessionOptions,
  viewerOf,
} from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

// RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = bindToChallenge('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')

describe('exchange', () => {
  let gateway: UnitGateway
  let clientCookie: string
  let cookie: ClientBinding

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(() => {
    clientCookie = newClientCookie()
    cookie = bindToCookie(clientCookie)
    gateway.revoked.length = 0
    gateway.published.length = 0
  })

  /** A session that awaits its exchange after a flow of this kind, and the token for it. */
  async function awaiting(kind: FlowKind, purpose: object, { binding = cookie, ...options }: Awaiting = {}) {
    const { session } = await aSession(
      { db: gateway.stores.db, now: gateway.clock() },
      { handle: 'bob.test', lastUsedAt: null, ...options, secretHash: null },
    )
    const flow = resumeFlow(kind, purpose)
    return { session, exchangeToken: await issueExchangeToken(gateway, { sessionId: session.id, flow, binding }) }
  }
  type Awaiting = SessionOptions & { binding?: ClientBinding }

  const trade = (exchangeToken: string, request: Partial<Parameters<typeof exchange>[1]> = {}) =>
    exchange(gateway, {
      exchangeToken,
      proof: { clientCookie, verifier: null },
      sessionCookie: null,
      client: CLIENT,
      ...request,
    })
  const find = (id: string) => gateway.stores.db.session.findUnique({ where: { id } })
  const event = (kind: string, { id, did }: Session, detail: object | null = null) => ({
    kind,
    did,
    sessionId: id,
    ...CLIENT,
    detail,
  })

  /** The viewer of the token that the exchange gave. */
  async function viewerFrom({ token }: Exchanged) {
    if (token === null) throw new Error('the exchange gave no token')
    return viewerOf(gateway, formatSessionToken(token, { developer: false }))
  }

  async function expectRefused(exchanging: Promise<unknown>): Promise<void> {
    await expect(exchanging).rejects.toMatchObject({ code: 'EXCHANGE_TOKEN_INVALID' })
  }

  /** That the awaiting session was given up, and why. */
  async function expectGivenUp(session: Session, reason: RegExp): Promise<void> {
    expect(await find(session.id)).toBeNull()
    expect(gateway.revoked).toContain(session.grantId)
    expect(await eventsOf(gateway, session.id)).toEqual([
      event('exchange_refused', session, { reason: expect.stringMatching(reason) }),
    ])
  }

  describe('of a login', () => {
    it.each(['login', 'create_account'] as const)('(%s) makes the session active in a new group', async (kind) => {
      const { session, exchangeToken } = await awaiting(kind, {})
      const exchanged = await trade(exchangeToken)
      expect(exchanged).toMatchObject({ sessionId: session.id, via: 'cookie', token: { id: session.id } })
      const viewer = await viewerFrom(exchanged)
      expect(viewer).toMatchObject({ isReplaced: false, session: { id: session.id, isActive: true } })
      expect(viewer.session.linkedAt).toEqual(viewer.session.lastUsedAt)
      expect(await gateway.stores.db.session.count({ where: { groupId: viewer.session.groupId } })).toBe(1)
      expect(await eventsOf(gateway, session.id)).toEqual([event('session_created', session)])
      expect([gateway.revoked, gateway.published]).toEqual([[], []])
    })

    it('ends the group whose cookie the browser presents', async () => {
      const alice = await aViewer(gateway)
      const groupId = alice.session.groupId
      const { session: carol } = await aSession({ db: gateway.stores.db }, { handle: 'carol.test', groupId })
      const { session, exchangeToken } = await awaiting('login', {})
      await trade(exchangeToken, { sessionCookie: alice.token })
      for (const replaced of [alice.session, carol]) {
        expect(await find(replaced.id)).toBeNull()
        expect(await eventsOf(gateway, replaced.id)).toEqual([event('session_replaced', replaced, { by: session.id })])
      }
      expect(gateway.revoked.toSorted()).toEqual([alice.session.grantId, carol.grantId].toSorted())
      expect(gateway.published).toEqual([`session-group:${groupId} SIGNED_OUT`])
      expect((await find(session.id))?.groupId).not.toBe(groupId)
    })

    it('leaves a developer token alone that is presented as a cookie', async () => {
      const token = await aViewer(gateway, { kind: 'DEVELOPER_TOKEN' })
      const { exchangeToken } = await awaiting('login', {})
      await trade(exchangeToken, { sessionCookie: token.token })
      expect(await find(token.session.id)).not.toBeNull()
    })

    it('by challenge gives a bearer token, and ends nothing that a cookie stands for', async () => {
      const alice = await aViewer(gateway)
      const { exchangeToken } = await awaiting('login', {}, { kind: 'SDK', binding: CHALLENGE })
      const proof = { clientCookie: null, verifier: VERIFIER }
      const exchanged = await trade(exchangeToken, { proof, sessionCookie: alice.token })
      expect(exchanged.via).toBe('bearer')
      expect(await viewerFrom(exchanged)).toMatchObject({ session: { kind: 'SDK', isActive: true } })
      expect(await find(alice.session.id)).toEqual(alice.session)
    })
  })

  describe('of an added account', () => {
    let alice: BuiltViewer
    let groupId: string
    let purpose: object

    beforeEach(async () => {
      alice = await aViewer(gateway)
      groupId = alice.session.groupId ?? ''
      purpose = { starter: { did: alice.session.did, groupId } }
    })

    it('makes it the active one of the starter’s group', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      const viewer = await viewerFrom(await trade(exchangeToken, { sessionCookie: alice.token }))
      expect(viewer.session).toMatchObject({ id: session.id, groupId, isActive: true })
      expect(viewer.session.linkedAt).toEqual(viewer.session.lastUsedAt)
      expect(await viewerOf(gateway, alice.token)).toMatchObject({ isReplaced: true })
      expect(await eventsOf(gateway, session.id)).toEqual([event('account_added', session)])
      expect([gateway.revoked, gateway.published]).toEqual([[], [`session-group:${groupId} ACCOUNT_ADDED`]])
    })

    it('links it without making it active when the browser no longer presents the active session', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      const exchanged = await trade(exchangeToken, { sessionCookie: null })
      expect(exchanged).toEqual({ sessionId: session.id, token: null, via: 'cookie' })
      expect(await find(session.id)).toMatchObject({ groupId, isActive: false })
      expect(await viewerOf(gateway, alice.token)).toMatchObject({ isReplaced: false })
    })

    it('makes it active for a client that holds its own token, whatever is the active one', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose, { kind: 'SDK', binding: CHALLENGE })
      const exchanged = await trade(exchangeToken, { proof: { clientCookie: null, verifier: VERIFIER } })
      expect(await viewerFrom(exchanged)).toMatchObject({ session: { id: session.id, groupId, isActive: true } })
    })

    it('makes it active where no session of the group is', async () => {
      await gateway.stores.db.session.update({ where: { id: alice.session.id }, data: { isActive: false } })
      const { exchangeToken } = await awaiting('add_account', purpose)
      expect((await trade(exchangeToken)).token).not.toBeNull()
    })

    it('replaces the session that the account has there, and takes its place in the list', async () => {
      const linkedAt = new Date(gateway.clock() - 60_000)
      const { session: twin } = await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId, linkedAt })
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      await trade(exchangeToken, { sessionCookie: alice.token })
      expect(await find(twin.id)).toBeNull()
      expect(await find(session.id)).toMatchObject({ groupId, linkedAt, isActive: true })
      expect(gateway.revoked).toEqual([twin.grantId])
      expect(gateway.published).toEqual([`session-group:${groupId} ACCOUNT_ADDED`])
    })

    it('replaces even the active session, which is the only one', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose, { handle: 'alice.test' })
      const exchanged = await trade(exchangeToken)
      expect(await viewerFrom(exchanged)).toMatchObject({ session: { id: session.id, groupId } })
      expect(await find(alice.session.id)).toBeNull()
    })

    it('is refused once the group has ended, and the session given up', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      await gateway.stores.db.sessionGroup.delete({ where: { id: groupId } })
      await expectRefused(trade(exchangeToken))
      await expectGivenUp(session, /group has ended/)
      expect(gateway.published).toEqual([])
    })
  })

  describe('of a scope upgrade', () => {
    let alice: BuiltViewer
    let groupId: string
    let purpose: object

    beforeEach(async () => {
      alice = await aViewer(gateway, { linkedAt: new Date(gateway.clock() - 60_000) })
      groupId = alice.session.groupId ?? ''
      purpose = { starter: { did: alice.session.did, groupId } }
    })

    it('puts the session in the place of the one that it replaces', async () => {
      const { session, exchangeToken } = await awaiting('scope_upgrade', purpose, { handle: 'alice.test' })
      const exchanged = await trade(exchangeToken, { sessionCookie: alice.token })
      const { linkedAt } = alice.session
      expect(await viewerFrom(exchanged)).toMatchObject({ session: { id: session.id, groupId, linkedAt } })
      expect(await find(alice.session.id)).toBeNull()
      expect(await eventsOf(gateway, session.id)).toEqual([event('scope_upgraded', session)])
      expect(gateway.revoked).toEqual([alice.session.grantId])
      expect(gateway.published).toEqual([`session-group:${groupId} SCOPES_UPGRADED`])
    })

    it('leaves it inactive where the one that it replaces was', async () => {
      await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })
      await switchAccount(gateway, { viewer: alice.viewer, targetDid: didOf('bob.test'), client: CLIENT })
      const { session, exchangeToken } = await awaiting('scope_upgrade', purpose, { handle: 'alice.test' })
      expect((await trade(exchangeToken)).token).toBeNull()
      expect(await find(session.id)).toMatchObject({ groupId, isActive: false })
    })

    it('is refused once the session to replace has ended', async () => {
      await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      const { session, exchangeToken } = await awaiting('scope_upgrade', purpose, { handle: 'alice.test' })
      await expectRefused(trade(exchangeToken))
      await expectGivenUp(session, /session to replace has ended/)
    })

    it('is refused once the group has ended', async () => {
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      await gateway.stores.db.sessionGroup.delete({ where: { id: groupId } })
      const { session, exchangeToken } = await awaiting('scope_upgrade', purpose, { handle: 'alice.test' })
      await expectRefused(trade(exchangeToken))
      await expectGivenUp(session, /group has ended/)
    })
  })

  it('of a developer token gives it to the client, and touches no session', async () => {
    const alice = await aViewer(gateway)
    const starter = { did: alice.session.did, groupId: alice.session.groupId }
    const purpose = { starter, name: 'ci', days: 30 }
    const options = { handle: 'alice.test', kind: 'DEVELOPER_TOKEN', isActive: false } as const
    const { session, exchangeToken } = await awaiting('developer_token', purpose, options)
    const exchanged = await trade(exchangeToken, { sessionCookie: alice.token })
    expect(exchanged).toMatchObject({ sessionId: session.id, via: 'bearer' })
    expect(await viewerFrom(exchanged)).toMatchObject({ session: { id: session.id, groupId: null, lastUsedAt: null } })
    expect(await find(alice.session.id)).toEqual(alice.session)
    expect(await eventsOf(gateway, session.id)).toEqual([event('developer_token_created', session)])
    expect([gateway.revoked, gateway.published]).toEqual([[], []])
  })

  it('happens once', async () => {
    const { exchangeToken } = await awaiting('login', {})
    await trade(exchangeToken)
    await expectRefused(trade(exchangeToken))
  })

  it('happens once for a session, even under another token of the same', async () => {
    const { session, exchangeToken } = await awaiting('login', {})
    const again = await issueExchangeToken(gateway, {
      sessionId: session.id,
      flow: resumeFlow('login', {}),
      binding: cookie,
    })
    await trade(exchangeToken)
    const exchanged = await find(session.id)
    await expectRefused(trade(again))
    expect(await find(session.id)).toEqual(exchanged)
    expect(gateway.revoked).toEqual([])
  })

  it('is refused for an unknown token, and after a minute', async () => {
    await expectRefused(trade(newSecret()))
    const { exchangeToken } = await awaiting('login', {})
    expect(EXCHANGE_TOKEN_TTL).toBe(60_000)
    gateway.clock.advance(EXCHANGE_TOKEN_TTL + 1)
    await expectRefused(trade(exchangeToken))
  })

  it('is refused to another client, which burns the token and gives the session up', async () => {
    const { session, exchangeToken } = await awaiting('login', {})
    await expectRefused(trade(exchangeToken, { proof: { clientCookie: newClientCookie(), verifier: null } }))
    await expectGivenUp(session, /another client/)
    await expectRefused(trade(exchangeToken))
  })

  it('passes on what is no refusal', async () => {
    const { session, exchangeToken } = await awaiting('login', {})
    const fails = { ...gateway, runtime: { ...gateway.runtime, clock: () => Number.NaN } }
    const request = { exchangeToken, proof: { clientCookie, verifier: null }, sessionCookie: null, client: CLIENT }
    await expect(exchange(fails, request)).rejects.not.toMatchObject({ code: 'EXCHANGE_TOKEN_INVALID' })
    expect(await find(session.id)).toEqual(session)
  })
})
