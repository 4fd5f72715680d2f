import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bindToChallenge, bindToCookie, type ClientBinding, newClientCookie } from '../../src/flows/client-binding.ts'
import { type Exchanged, exchange } from '../../src/flows/exchange.ts'
import { EXCHANGE_TOKEN_TTL, issueExchangeToken } from '../../src/flows/exchange-token.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import type { FlowKind } from '../../src/flows/flow-definition.ts'
import { StoreUnavailable } from '../../src/platform/errors.ts'
import { newSecret } from '../../src/platform/random.ts'
import { confirmFirstUse } from '../../src/sessions/first-use.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import type { Session } from '../../src/store/sql/generated/client.ts'
import {
  aSession,
  aToken,
  aViewer,
  type BuiltViewer,
  CLIENT,
  callerOfText,
  didOf,
  eventsOf,
  type SessionOptions,
  seenBy,
} from '../support/builders.ts'
import { withMembers } from '../support/faults.ts'
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
      { handle: 'bob.test', lastUsedAt: null, ...options, secretHash: null, exchangedAt: null },
    )
    const flow = resumeFlow(kind, purpose)
    return { session, exchangeToken: await issueExchangeToken(gateway, { sessionId: session.id, flow, binding }) }
  }
  type Awaiting = SessionOptions & { binding?: ClientBinding }

  const trade = (exchangeToken: string, request: Partial<Parameters<typeof exchange>[1]> = {}) =>
    exchange(gateway, {
      exchangeToken,
      proof: { clientCookie, verifier: null },
      shown: null,
      from: CLIENT,
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

  /** What the token that the exchange gave proves, before its first use. */
  async function clientFrom({ token }: Exchanged) {
    if (token === null) throw new Error('the exchange gave no token')
    const client = (await callerOfText(gateway, token))?.client
    if (client == null) throw new Error('the token proves no client')
    return client
  }

  /** The token that the exchange gave is used. */
  async function use(exchanged: Exchanged): Promise<void> {
    await confirmFirstUse(gateway, { token: (await clientFrom(exchanged)).token, client: CLIENT })
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

  describe('beside an outage', () => {
    const away = () => Promise.reject(new StoreUnavailable('ephemeral store', null))
    const without = (member: 'get' | 'delete') => ({
      ...gateway,
      stores: { ...gateway.stores, ephemeral: withMembers(gateway.stores.ephemeral, { [member]: away }) },
    })
    const tradeAt = (at: Parameters<typeof exchange>[0], exchangeToken: string) =>
      exchange(at, { exchangeToken, proof: { clientCookie, verifier: null }, shown: null, from: CLIENT })

    it('of the ephemeral store before it, nothing has happened: the same token is good afterwards', async () => {
      const { session, exchangeToken } = await awaiting('login', {})
      await expect(tradeAt(without('get'), exchangeToken)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
      expect(await trade(exchangeToken)).toMatchObject({ sessionId: session.id })
    })

    it('of the database, in its transaction, the same', async () => {
      const { session, exchangeToken } = await awaiting('login', {})
      const db = withMembers(gateway.stores.db, {
        $transaction: () => Promise.reject(new StoreUnavailable('database', null)),
      })
      const at = { ...gateway, stores: { ...gateway.stores, db } }
      await expect(tradeAt(at, exchangeToken)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
      expect(await trade(exchangeToken)).toMatchObject({ sessionId: session.id })
    })

    it('of the ephemeral store after it, the client has its token, and the exchange token is worth nothing', async () => {
      const { session, exchangeToken } = await awaiting('login', {})
      expect(await tradeAt(without('delete'), exchangeToken)).toMatchObject({ sessionId: session.id })
      await expectRefused(trade(exchangeToken))
      expect(await find(session.id)).not.toBeNull()
    })
  })

  describe('of a login', () => {
    it.each(['login', 'create_account'] as const)('(%s) puts the session into a new group', async (kind) => {
      const { session, exchangeToken } = await awaiting(kind, {})
      const exchanged = await trade(exchangeToken)
      expect(exchanged).toEqual({ sessionId: session.id, token: expect.any(String), isActive: true, kind: 'BROWSER' })
      const { group, accounts, token } = await clientFrom(exchanged)
      expect(group).toMatchObject({ activeDid: session.did })
      expect(accounts).toMatchObject([{ id: session.id }])
      expect(accounts[0]?.linkedAt).toEqual(accounts[0]?.lastUsedAt)
      expect(token).toMatchObject({ confirmedAt: null, replacesGroupId: null, sessionId: session.id })
      expect(await eventsOf(gateway, session.id)).toEqual([event('session_created', session)])
      expect([gateway.revoked, gateway.published]).toEqual([[], []])
    })

    it('replaces the group that the browser shows at the first use of the token, and not before', async () => {
      const alice = await aViewer(gateway)
      const groupId = alice.session.groupId
      const { session: carol } = await aSession({ db: gateway.stores.db }, { handle: 'carol.test', groupId })
      const { session, exchangeToken } = await awaiting('login', {})
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect((await find(session.id))?.groupId).not.toBe(groupId)
      expect(await find(alice.session.id)).toEqual(alice.session)
      expect([gateway.revoked, gateway.published]).toEqual([[], []])
      await use(exchanged)
      expect([await find(alice.session.id), await find(carol.id)]).toEqual([null, null])
    })

    it('as an account of the group that the browser shows takes its place there, and the others stay', async () => {
      const alice = await aViewer(gateway)
      const { groupId, linkedAt } = alice.session
      const { session: carol } = await aSession({ db: gateway.stores.db }, { handle: 'carol.test', groupId })
      const { session, exchangeToken } = await awaiting('login', {}, { handle: 'alice.test' })
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect(exchanged.isActive).toBe(true)
      expect(await find(session.id)).toMatchObject({ groupId, linkedAt })
      expect(await find(alice.session.id)).toEqual(alice.session)
      await use(exchanged)
      expect(await find(alice.session.id)).toBeNull()
      expect(await find(carol.id)).toEqual(carol)
    })

    it('as an account of the group that is not the active one leaves the active one', async () => {
      const alice = await aViewer(gateway)
      const { groupId, did } = alice.session
      await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })
      const { client } = await seenBy(gateway, alice.token)
      const { exchangeToken } = await awaiting('login', {})
      const exchanged = await trade(exchangeToken, { shown: client })
      expect(exchanged.isActive).toBe(false)
      await use(exchanged)
      expect((await clientFrom(exchanged)).group.activeDid).toBe(did)
    })

    it('as an account of a group whose active one has ended makes it the active one', async () => {
      const alice = await aViewer(gateway)
      await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId: alice.session.groupId })
      const { client } = await seenBy(gateway, alice.token)
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      const { session, exchangeToken } = await awaiting('login', {})
      const exchanged = await trade(exchangeToken, { shown: client })
      expect(exchanged.isActive).toBe(true)
      expect(await gateway.stores.db.sessionGroup.findFirst({ where: { id: client.group.id } })).toMatchObject({
        activeDid: didOf('alice.test'),
      })
      await use(exchanged)
      expect((await clientFrom(exchanged)).group.activeDid).toBe(session.did)
    })

    it('does not join the group of a token that was replaced: a copy of it would reach what was added', async () => {
      const alice = await aViewer(gateway)
      const { token } = alice.client
      const endsAt = new Date(gateway.clock() + 60_000)
      await gateway.stores.db.clientToken.update({ where: { id: token.id }, data: { endsAt } })
      const { session, exchangeToken } = await awaiting('login', {}, { handle: 'alice.test' })
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect((await find(session.id))?.groupId).not.toBe(token.groupId)
      expect((await clientFrom(exchanged)).token.replacesGroupId).toBe(token.groupId)
    })

    it('by challenge gives a bearer token, and replaces nothing that a cookie or a bearer token stands for', async () => {
      const proof = { clientCookie: null, verifier: VERIFIER }
      for (const shown of [await aViewer(gateway), await aViewer(gateway, { kind: 'SDK' })]) {
        const { exchangeToken } = await awaiting('login', {}, { kind: 'SDK', binding: CHALLENGE })
        const exchanged = await trade(exchangeToken, { proof, shown: shown.client })
        expect(exchanged.kind).toBe('SDK')
        expect(await clientFrom(exchanged)).toMatchObject({ token: { kind: 'SDK', replacesGroupId: null } })
        await use(exchanged)
        expect(await find(shown.session.id)).toEqual(shown.session)
      }
    })
  })

  describe('of an added account', () => {
    let alice: BuiltViewer
    let groupId: string
    let purpose: object

    beforeEach(async () => {
      alice = await aViewer(gateway)
      groupId = alice.session.groupId ?? ''
      purpose = { starter: { did: null, groupId }, begunAt: new Date(gateway.clock()) }
    })

    it('makes it the active one of the group at the first use of the token, and not before', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect(exchanged).toMatchObject({ sessionId: session.id, isActive: true })
      expect(await find(session.id)).toMatchObject({ groupId })
      expect((await seenBy(gateway, alice.token)).client.group.activeDid).toBe(alice.session.did)
      expect(await eventsOf(gateway, session.id)).toEqual([event('account_added', session)])
      expect([gateway.revoked, gateway.published]).toEqual([[], []])
      await use(exchanged)
      expect((await clientFrom(exchanged)).group.activeDid).toBe(session.did)
      expect(gateway.published).toEqual([`session-group:${groupId} ACCOUNT_ADDED`])
    })

    it('takes the place of the session that the account has there, at the first use', async () => {
      const linkedAt = new Date(gateway.clock() - 60_000)
      const { session: twin } = await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId, linkedAt })
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect(await find(twin.id)).toEqual(twin)
      expect(await find(session.id)).toMatchObject({ groupId, linkedAt })
      await use(exchanged)
      expect(await find(twin.id)).toBeNull()
      expect(gateway.revoked).toEqual([twin.grantId])
    })

    it.each<[string, (viewer: BuiltViewer) => Promise<unknown>]>([
      ['no token', async () => null],
      ['a token of another group', async () => (await aViewer(gateway)).client],
    ])('is refused to a browser that shows %s', async (_what, shownOf) => {
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      await expectRefused(trade(exchangeToken, { shown: (await shownOf(alice)) as BuiltViewer['client'] | null }))
      await expectGivenUp(session, /shows no session of the group/)
    })

    it('is refused to one who shows a token that was replaced', async () => {
      const endsAt = new Date(gateway.clock() + 60_000)
      await gateway.stores.db.clientToken.update({ where: { id: alice.client.token.id }, data: { endsAt } })
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      await expectRefused(trade(exchangeToken, { shown: alice.client }))
      await expectGivenUp(session, /newer token/)
    })

    it('again and again, without going on, keeps the last five, and what they reach', async () => {
      const sessions: Session[] = []
      for (const _ of Array(7)) {
        gateway.clock.advance(1000)
        const authenticatedAt = new Date(gateway.clock())
        const { session, exchangeToken } = await awaiting('add_account', purpose, { authenticatedAt })
        await trade(exchangeToken, { shown: alice.client })
        sessions.push(session)
      }
      expect(await gateway.stores.db.clientToken.count({ where: { groupId, confirmedAt: null } })).toBe(5)
      const left = await Promise.all(sessions.map(async ({ id }) => (await find(id)) !== null))
      expect(left).toEqual([false, false, true, true, true, true, true])
      expect(await find(alice.session.id)).toEqual(alice.session)
    })

    it('is refused once the group has ten accounts', async () => {
      for (const index of Array(9).keys()) {
        await aSession({ db: gateway.stores.db }, { handle: `other-${index}.test`, groupId })
      }
      const { session, exchangeToken } = await awaiting('add_account', purpose)
      await expectRefused(trade(exchangeToken, { shown: alice.client }))
      await expectGivenUp(session, /no room/)
    })

    it('is refused once the group has ended, and the session given up', async () => {
      const { session, exchangeToken } = await awaiting('add_account', purpose, { kind: 'SDK', binding: CHALLENGE })
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      await gateway.stores.db.sessionGroup.delete({ where: { id: groupId } })
      await expectRefused(trade(exchangeToken, { proof: { clientCookie: null, verifier: VERIFIER } }))
      await expectGivenUp(session, /group has ended/)
      expect(gateway.published).toEqual([])
    })

    describe('by a client without cookies', () => {
      const proof = { clientCookie: null, verifier: VERIFIER }
      const add = () => awaiting('add_account', purpose, { kind: 'SDK', binding: CHALLENGE })

      it('needs no token beside the verifier', async () => {
        const { session, exchangeToken } = await add()
        const { token } = await clientFrom(await trade(exchangeToken, { proof }))
        expect(token).toMatchObject({ kind: 'SDK', groupId, sessionId: session.id, activatesDid: session.did })
      })

      it('is refused where another account was added since, unless it shows the newest token', async () => {
        const later = { db: gateway.stores.db, now: gateway.clock() + 1000 }
        await aToken(later, alice.session)
        const { session, exchangeToken } = await add()
        await expectRefused(trade(exchangeToken, { proof }))
        await expectGivenUp(session, /newer token/)
        expect(await trade((await add()).exchangeToken, { proof, shown: alice.client })).toMatchObject({ kind: 'SDK' })
      })
    })
  })

  describe('of a scope upgrade', () => {
    let alice: BuiltViewer
    let groupId: string
    let purpose: object

    beforeEach(async () => {
      alice = await aViewer(gateway, { linkedAt: new Date(gateway.clock() - 60_000), grant: { scope: 'atproto a b' } })
      groupId = alice.session.groupId ?? ''
      const { did, authenticatedAt } = alice.session
      purpose = { starter: { did, groupId }, did, authenticatedAt }
    })

    const upgrade = (scope = 'atproto a b c', options: Awaiting = {}) =>
      awaiting('scope_upgrade', purpose, { handle: 'alice.test', grant: { scope }, ...options })

    it('puts the session in the place of the one that it replaces, under the same token', async () => {
      const { session, exchangeToken } = await upgrade()
      const exchanged = await trade(exchangeToken, { shown: alice.client })
      expect(exchanged).toEqual({ sessionId: session.id, token: null, isActive: true, kind: 'BROWSER' })
      const { viewer } = await seenBy(gateway, alice.token)
      const { linkedAt, authenticatedAt } = alice.session
      expect(viewer.session).toMatchObject({ id: session.id, groupId, linkedAt, authenticatedAt })
      expect(await find(alice.session.id)).toBeNull()
      expect(await eventsOf(gateway, session.id)).toEqual([event('scope_upgraded', session)])
      expect(gateway.revoked).toEqual([alice.session.grantId])
      expect(gateway.published).toEqual([`session-group:${groupId} SCOPES_UPGRADED`])
    })

    it('leaves another account active', async () => {
      await aSession({ db: gateway.stores.db }, { handle: 'bob.test', groupId })
      await switchAccount(gateway, { client: alice.client, targetDid: didOf('bob.test'), from: CLIENT })
      const { exchangeToken } = await upgrade()
      expect((await trade(exchangeToken, { shown: alice.client })).isActive).toBe(false)
      expect((await seenBy(gateway, alice.token)).client.group.activeDid).toBe(didOf('bob.test'))
    })

    it('that a later one has overtaken changes nothing, and is as good as done', async () => {
      const [first, second] = [await upgrade('atproto a b c'), await upgrade('atproto a b c d')]
      await trade(second.exchangeToken, { shown: alice.client })
      const exchanged = await trade(first.exchangeToken, { shown: alice.client })
      expect(exchanged).toMatchObject({ sessionId: second.session.id, token: null, isActive: true })
      expect(await find(first.session.id)).toBeNull()
      expect(gateway.revoked).toContain(first.session.grantId)
      expect((await seenBy(gateway, alice.token)).viewer.session.id).toBe(second.session.id)
    })

    it('that would take back what another has brought is refused', async () => {
      const [first, second] = [await upgrade('atproto a b c'), await upgrade('atproto a b d')]
      await trade(first.exchangeToken, { shown: alice.client })
      await expectRefused(trade(second.exchangeToken, { shown: alice.client }))
      await expectGivenUp(second.session, /another upgrade has granted c/)
      expect((await seenBy(gateway, alice.token)).viewer.session.id).toBe(first.session.id)
    })

    it('is remembered by the session that takes the place: the next one asks for it too', async () => {
      const asked = { upgradeScopes: 'c', upgradeAskedAt: new Date(gateway.clock()) }
      await gateway.stores.db.session.update({ where: { id: alice.session.id }, data: asked })
      const { session, exchangeToken } = await upgrade()
      await trade(exchangeToken, { shown: alice.client })
      expect(await find(session.id)).toMatchObject(asked)
    })

    it('is refused to a browser that shows no token of the group', async () => {
      const { session, exchangeToken } = await upgrade()
      await expectRefused(trade(exchangeToken))
      await expectGivenUp(session, /shows no session of the group/)
    })

    it('is refused once the account has signed in again: that session has another grant', async () => {
      const { session, exchangeToken } = await upgrade()
      const authenticatedAt = new Date(gateway.clock())
      await gateway.stores.db.session.update({ where: { id: alice.session.id }, data: { authenticatedAt } })
      await expectRefused(trade(exchangeToken, { shown: alice.client }))
      await expectGivenUp(session, /session to replace has ended/)
    })

    it('is refused once the group has ended', async () => {
      const { session, exchangeToken } = await upgrade(undefined, { kind: 'SDK', binding: CHALLENGE })
      await gateway.stores.db.session.delete({ where: { id: alice.session.id } })
      await gateway.stores.db.sessionGroup.delete({ where: { id: groupId } })
      await expectRefused(trade(exchangeToken, { proof: { clientCookie: null, verifier: VERIFIER } }))
      await expectGivenUp(session, /group has ended/)
    })
  })

  it('of a developer token gives it to the client, and touches no session', async () => {
    const alice = await aViewer(gateway)
    const starter = { did: alice.session.did, groupId: alice.session.groupId }
    const purpose = { starter, name: 'ci', days: 30 }
    const options = { handle: 'alice.test', kind: 'DEVELOPER_TOKEN' } as const
    const { session, exchangeToken } = await awaiting('developer_token', purpose, options)
    const exchanged = await trade(exchangeToken, { shown: alice.client })
    const token = `atgate_${session.id}.`
    expect(exchanged).toMatchObject({ sessionId: session.id, kind: 'DEVELOPER_TOKEN', isActive: true })
    expect(exchanged.token?.startsWith(token)).toBe(true)
    expect(await find(session.id)).toMatchObject({ groupId: null, lastUsedAt: null, exchangedAt: expect.any(Date) })
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
    const request = { exchangeToken, proof: { clientCookie, verifier: null }, shown: null, from: CLIENT }
    await expect(exchange(fails, request)).rejects.not.toMatchObject({ code: 'EXCHANGE_TOKEN_INVALID' })
    expect(await find(session.id)).toEqual(session)
  })
})
