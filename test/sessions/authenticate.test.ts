import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId, newSecret } from '../../src/platform/random.ts'
import { authenticate, clientOfCookie } from '../../src/sessions/authenticate.ts'
import { aSession, aToken, type BuiltSession, CLIENT, didOf } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const SECOND = 1000
const HOUR = 60 * 60 * SECOND
const DAY = 24 * HOUR

describe('authenticate', () => {
  let gateway: UnitGateway
  let alice: BuiltSession

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    alice = await build()
  })

  const build = (options: Parameters<typeof aSession>[1] = {}) =>
    aSession({ db: gateway.stores.db, now: gateway.clock() }, options)
  const present = (tokens: { sessionCookie?: string; authorization?: string }) =>
    authenticate(gateway, { sessionCookie: null, authorization: null, ...tokens, client: CLIENT })
  const byCookie = (sessionCookie: string) => present({ sessionCookie })
  const byHeader = (authorization: string) => present({ authorization })
  const tokenOf = (text: string) =>
    gateway.stores.db.clientToken.findUniqueOrThrow({ where: { id: text.split('.')[0] ?? '' } })
  const changeToken = (data: object) =>
    gateway.stores.db.clientToken.updateMany({ where: { groupId: alice.session.groupId ?? '' }, data })

  it('finds the client of a cookie, with the accounts that it reaches and what is said of their grants', async () => {
    const { session: bob } = await build({ handle: 'bob.test', groupId: alice.session.groupId })
    expect(await byCookie(alice.token)).toMatchObject({
      client: {
        token: { kind: 'BROWSER' },
        group: { id: alice.session.groupId, activeDid: didOf('alice.test'), version: 0 },
        accounts: [
          { id: alice.session.id, account: { handle: 'alice.test' }, grant: { scope: 'atproto', state: 'ok' } },
          { id: bob.id, account: { handle: 'bob.test' } },
        ],
      },
      session: null,
    })
  })

  it('finds the client of a bearer token, however the scheme is spelt', async () => {
    const { token, session } = await build({ kind: 'SDK' })
    const found = { client: { token: { kind: 'SDK' }, accounts: [{ id: session.id }] } }
    expect(await byHeader(`Bearer ${token}`)).toMatchObject(found)
    expect(await byHeader(`bearer ${token}`)).toMatchObject(found)
  })

  it('finds the session of a developer token', async () => {
    const { token, session } = await build({ kind: 'DEVELOPER_TOKEN' })
    expect(await byHeader(`Bearer ${token}`)).toMatchObject({
      client: null,
      session: { id: session.id, account: { handle: 'alice.test' } },
    })
  })

  it('takes a browser’s token as cookie alone, and any other as bearer alone', async () => {
    const sdk = await build({ kind: 'SDK' })
    const developer = await build({ kind: 'DEVELOPER_TOKEN' })
    expect(await byHeader(`Bearer ${alice.token}`)).toBeNull()
    expect(await byCookie(sdk.token)).toBeNull()
    expect(await byCookie(developer.token)).toBeNull()
  })

  it('judges a request with a bearer token by that alone', async () => {
    const sdk = await build({ kind: 'SDK', handle: 'bob.test' })
    const authorization = `Bearer ${sdk.token}`
    const asBob = { client: { accounts: [{ did: didOf('bob.test') }] } }
    expect(await present({ sessionCookie: alice.token, authorization })).toMatchObject(asBob)
    expect(await present({ sessionCookie: 'garbage', authorization })).toMatchObject(asBob)
    expect(await present({ sessionCookie: alice.token, authorization: 'Bearer garbage' })).toBeNull()
    expect(await present({ sessionCookie: alice.token, authorization: 'Bearer ' })).toBeNull()
  })

  it.each([
    (token: string) => token,
    (token: string) => `Basic ${token}`,
    (token: string) => `DPoP ${token}`,
    (token: string) => `x Bearer ${token}`,
    () => 'Basic dXNlcjpwYXNzd29yZA==',
  ])('leaves another scheme of authorization to others: %s', async (headerOf) => {
    const sdk = await build({ kind: 'SDK' })
    expect(await byHeader(headerOf(sdk.token))).toBeNull()
    expect(await present({ sessionCookie: alice.token, authorization: headerOf(sdk.token) })).toMatchObject({
      client: { accounts: [{ id: alice.session.id }] },
    })
  })

  it('refuses a bearer token with something behind it', async () => {
    const sdk = await build({ kind: 'SDK' })
    expect(await byHeader(`Bearer ${sdk.token} x`)).toBeNull()
  })

  it('finds nobody without a token, with one of another form, of another id, or with another secret', async () => {
    expect(await present({})).toBeNull()
    expect(await byCookie('nothing')).toBeNull()
    const [id = '', secret = ''] = alice.token.split('.')
    expect(await byCookie(`${newId()}.${secret}`)).toBeNull()
    expect(await byCookie(`${id}.${newSecret()}`)).toBeNull()
    const developer = await build({ kind: 'DEVELOPER_TOKEN' })
    expect(await byHeader(`Bearer atgate_${developer.session.id}.${newSecret()}`)).toBeNull()
    // The id of a session is public.
    expect(await byHeader(`Bearer atgate_${alice.session.id}.${secret}`)).toBeNull()
  })

  it('finds nobody once the token has ended, or its group', async () => {
    await changeToken({ endsAt: new Date(gateway.clock() + 10 * SECOND) })
    expect(await byCookie(alice.token)).not.toBeNull()
    await changeToken({ endsAt: new Date(gateway.clock()) })
    expect(await byCookie(alice.token)).toBeNull()
    await gateway.stores.db.clientToken.deleteMany({ where: { groupId: alice.session.groupId ?? '' } })
    expect(await byCookie(alice.token)).toBeNull()
  })

  it('finds no session that has expired', async () => {
    const { token, session } = await build({ kind: 'DEVELOPER_TOKEN' })
    for (const { id } of [session, alice.session]) {
      await gateway.stores.db.session.update({ where: { id }, data: { expiresAt: new Date(gateway.clock()) } })
    }
    expect(await byHeader(`Bearer ${token}`)).toBeNull()
    expect(await byCookie(alice.token)).toBeNull()
  })

  it('finds nobody while a developer token awaits its exchange', async () => {
    const { token } = await build({ kind: 'DEVELOPER_TOKEN', exchangedAt: null, secretHash: null })
    expect(await byHeader(`Bearer ${token}`)).toBeNull()
  })

  describe('what a token reaches', () => {
    it('is what authenticated before it was minted', async () => {
      const { groupId } = alice.session
      const later = new Date(gateway.clock() + 10 * SECOND)
      const bob = await build({ handle: 'bob.test', groupId, authenticatedAt: later })
      const reached = async (token: string) =>
        (await byCookie(token))?.client?.accounts.map(({ account }) => account.handle)
      expect(await reached(alice.token)).toEqual(['alice.test'])
      expect(await reached(bob.token)).toEqual(['alice.test'])
      const { text } = await aToken({ db: gateway.stores.db, now: later.getTime() }, bob.session)
      expect(await reached(text)).toEqual(['alice.test', 'bob.test'])
    })

    it('is the last of two sessions of one account that it may reach', async () => {
      const { groupId } = alice.session
      const between = gateway.clock() + 1
      const authenticatedAt = new Date(between + 1)
      const again = await build({ groupId, authenticatedAt })
      const reached = async (token: string) => (await byCookie(token))?.client?.accounts.map(({ id }) => id)
      const parts = (now: number) => ({ db: gateway.stores.db, now })
      expect(await reached((await aToken(parts(between), again.session)).text)).toEqual([alice.session.id])
      expect(await reached((await aToken(parts(between + 1), again.session)).text)).toEqual([again.session.id])
    })
  })

  describe('the first use of a token', () => {
    const unused = (options: object = {}) =>
      aToken({ db: gateway.stores.db, now: gateway.clock() }, alice.session, {
        confirmedAt: null,
        endsAt: new Date(gateway.clock() + DAY),
        ...options,
      })

    it('is recorded, and the token lasts for 400 days then', async () => {
      const { text, row } = await unused()
      expect(await byCookie(text)).toMatchObject({ client: { token: { confirmedAt: expect.any(Date) } } })
      const token = await tokenOf(text)
      expect(token.endsAt).toEqual(new Date(row.mintedAt.getTime() + 400 * DAY))
      await byCookie(text)
      expect(await tokenOf(text)).toEqual(token)
    })

    it('ends the tokens that were used before, a minute later, and leaves the unused ones alone', async () => {
      const other = await unused()
      const { text } = await unused()
      const before = gateway.clock()
      await byCookie(text)
      const end = (await tokenOf(alice.token)).endsAt.getTime() - before
      expect(end).toBeGreaterThanOrEqual(60 * SECOND)
      expect(end).toBeLessThan(70 * SECOND)
      expect(await tokenOf(other.text)).toEqual(other.row)
    })

    it('leaves the end alone of a token that ends earlier', async () => {
      const endsAt = new Date(gateway.clock() + 30 * SECOND)
      await changeToken({ endsAt })
      await byCookie((await unused()).text)
      expect((await tokenOf(alice.token)).endsAt).toEqual(endsAt)
    })

    it('makes the added account the active one, before the request is judged', async () => {
      const bob = await build({ handle: 'bob.test', groupId: alice.session.groupId })
      const { text } = await unused({ sessionId: bob.session.id, activatesDid: bob.session.did })
      expect((await byCookie(alice.token))?.client?.group.activeDid).toBe(alice.session.did)
      expect((await byCookie(text))?.client?.group).toMatchObject({ activeDid: bob.session.did, version: 1 })
    })

    it('is not the look-up of who a sign-in would replace', async () => {
      const { text, row } = await unused()
      expect(await clientOfCookie(gateway, text)).toMatchObject({ accounts: [{ id: alice.session.id }] })
      expect(await tokenOf(text)).toEqual(row)
      expect(await clientOfCookie(gateway, null)).toBeNull()
    })

    it('does not happen with a wrong secret, as the wrong thing, or after its time', async () => {
      const { text, row } = await unused()
      await byCookie(`${row.id}.${newSecret()}`)
      await byHeader(`Bearer ${text}`)
      expect(await tokenOf(text)).toEqual(row)
      const late = await unused({ endsAt: new Date(gateway.clock()) })
      expect(await byCookie(late.text)).toBeNull()
      expect(await tokenOf(late.text)).toEqual(late.row)
    })
  })
})
