import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import {
  CurrentUserDocument,
  DeveloperTokensDocument,
  LogoutAllDocument,
  LogoutDocument,
  RevokeDeveloperTokenDocument,
  RevokeSessionDocument,
  SessionsDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  SwitchAccountDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import { aSession, didOf } from '../support/builders.ts'
import {
  codeOf,
  createDeveloperToken,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  outcomeOf,
  reachedBy,
  startDeveloperToken,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser, type GraphqlAnswer, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

describeGateway('developer tokens', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const whoIs = async (token: string) =>
    (await createHttpBrowser(atgate.url).graphql(CurrentUserDocument, undefined, bearer(token))).data?.currentUser
  const idOf = (token: string) => token.replace('atgate_', '').split('.')[0] ?? ''
  const tokens = async () => dataOf(await browser.graphql(DeveloperTokensDocument)).developerTokens

  async function revoke(prefix: string) {
    return browser.graphql(RevokeDeveloperTokenDocument, { input: { prefix } })
  }

  it('are made by a flow of their own, shown once, and leave cookie and session alone', async () => {
    const cookie = await browser.sessionCookie()
    const session = (await currentUserOf(browser))?.session.id
    const destination = await finishAs(browser, await startDeveloperToken(browser, { name: ' deploy ' }), 'alice.test')
    expect(outcomeOf(destination)).toEqual({ dev_token: 'true' })
    expect((await tokens()).map(({ name }) => name)).not.toContain('deploy')

    const { data, response } = await exchange(browser, destination)
    const token = data?.exchangeToken.sessionToken ?? ''
    expect(token).toMatch(/^atgate_[0-9a-f]{32}\.[\w-]{43}$/)
    expect(data?.exchangeToken.session).toMatchObject({ kind: 'DEVELOPER_TOKEN', isCurrent: false })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect((await currentUserOf(browser))?.session.id).toBe(session)

    expect((await tokens())[0]).toMatchObject({
      id: idOf(token),
      prefix: idOf(token).slice(0, 8),
      name: 'deploy',
      lastUsedAt: null,
      grantedScopes: ['atproto'],
    })
    expect(JSON.stringify(await tokens())).not.toContain(token.split('.')[1])
    // They are no places where the account is signed in.
    expect((await browser.graphql(SessionsDocument)).data?.sessions.map(({ id }) => id)).not.toContain(idOf(token))
  })

  it('act as the account, in no group, and note when they were used', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    expect(await whoIs(token)).toMatchObject({
      handle: 'alice.test',
      session: { kind: 'DEVELOPER_TOKEN', isCurrent: true },
      linkedAccounts: [{ handle: 'alice.test' }],
    })
    await eventually(
      async () => (await tokens()).find(({ id }) => id === idOf(token))?.lastUsedAt !== null,
      'lastUsedAt is written',
    )
  })

  it.each([
    ['the default, as far as the grant lasts', {}, 14],
    ['a number of days', { expiresInDays: 3 }, 3],
    ['the longest allowed', { expiresInDays: 0 }, 14],
    ['more than the grant lasts', { expiresInDays: 365 }, 14],
  ])('expire after %s', async (_what, input, days) => {
    const token = await createDeveloperToken(browser, { as: 'alice.test', ...input })
    const expiresAt = (await tokens()).find(({ id }) => id === idOf(token))?.expiresAt ?? ''
    expect((Date.parse(expiresAt) - atgate.stores.clock()) / DAY).toBeCloseTo(days, 2)
  })

  it('do not slide, and are refused once they have expired', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test', expiresInDays: 2 })
    await atgate.stores.advance(1.5 * DAY)
    expect(await whoIs(token)).not.toBeNull()
    await atgate.stores.advance(0.6 * DAY)
    expect(await whoIs(token)).toBeNull()
    expect((await tokens()).map(({ id }) => id)).not.toContain(idOf(token))
  })

  it.each([[-1], [366], [100_000]])('are not made for %d days', async (expiresInDays) => {
    const answer = await browser.graphql(StartDeveloperTokenDocument, { input: { expiresInDays } })
    expect(codeOf(answer)).toBe('BAD_USER_INPUT')
  })

  it('are not made by another account than the one that asked: nothing is created, the session stays', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const destination = await finishAs(browser, await startDeveloperToken(browser), 'bob.test')
    expect(outcomeOf(destination)).toMatchObject({ auth_error: 'account_mismatch', auth_error_flow: 'developer_token' })
    expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
  })

  it('are revoked by the first characters of their id, at once and at the PDS', async () => {
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const { grantId } = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: idOf(token) } })
    const grant = await openGrant(atgate.gateway, grantId)
    const { data } = await revoke(idOf(token).slice(0, 8))
    expect(data).toEqual({ revokeDeveloperToken: { revokedId: idOf(token) } })
    expect(await whoIs(token)).toBeNull()
    await eventually(
      async () => (await atgate.gateway.stores.db.grant.count({ where: { id: grantId } })) === 0,
      'the grant is revoked',
    )
    const server = await askAuthorizationServer(atgate.gateway, grant)
    await expect(server.refresh()).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  it('tells unknown, ambiguous and malformed prefixes apart', async () => {
    const { db } = atgate.gateway.stores
    const [one, two] = [
      idOf(await createDeveloperToken(browser, { as: 'alice.test' })),
      idOf(await createDeveloperToken(browser, { as: 'alice.test' })),
    ]
    const shared = 'abcdef12'
    const ids = [one, two].map((id) => shared + id.slice(8))
    await db.session.update({ where: { id: one }, data: { id: ids[0] ?? '' } })
    await db.session.update({ where: { id: two }, data: { id: ids[1] ?? '' } })

    expect(codeOf(await revoke(shared))).toBe('AMBIGUOUS_PREFIX')
    expect(codeOf(await revoke('00000000'))).toBe('TOKEN_NOT_FOUND')
    for (const prefix of ['', 'abc', 'abcdef1', 'not-hex-at-all', '%%%%%%%%']) {
      expect(codeOf(await revoke(prefix))).toBe('BAD_USER_INPUT')
    }
    expect(dataOf(await revoke(ids[0] ?? '')).revokeDeveloperToken.revokedId).toBe(ids[0])
    expect(dataOf(await revoke(shared)).revokeDeveloperToken.revokedId).toBe(ids[1])
  })

  it('say when their grant is lost, and only then', async () => {
    const { db } = atgate.gateway.stores
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const listed = async () => (await tokens()).find(({ id }) => id === idOf(token))
    expect(await listed()).toMatchObject({ needsReauthentication: false })
    const { grantId } = await db.session.findUniqueOrThrow({ where: { id: idOf(token) } })
    await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, grantId))).revoke()
    await ageGrant(db, grantId, 2 * HOUR)
    await expect(atgate.gateway.atproto.grants.hold(grantId)).rejects.toThrow(GrantLost)
    expect(await listed()).toMatchObject({ needsReauthentication: true })
    expect((await whoIs(token))?.session.needsReauthentication).toBe(true)
  })

  it('of another account are not found, and neither are browser sessions', async () => {
    const other = createHttpBrowser(atgate.url)
    const { session } = await signIn(other, 'bob.test')
    const token = await createDeveloperToken(other, { as: 'bob.test' })
    expect(codeOf(await revoke(idOf(token)))).toBe('TOKEN_NOT_FOUND')
    expect(codeOf(await revoke((await currentUserOf(browser))?.session.id ?? ''))).toBe('TOKEN_NOT_FOUND')
    expect(codeOf(await revoke(session.id))).toBe('TOKEN_NOT_FOUND')
    expect((await whoIs(token))?.handle).toBe('bob.test')
  })

  it('survive the browser signing out and refreshing, and the other way round', async () => {
    const { db } = atgate.gateway.stores
    const { grants } = atgate.gateway.atproto
    const token = await createDeveloperToken(browser, { as: 'alice.test' })
    const grantIdOf = async (id: string) => (await db.session.findUniqueOrThrow({ where: { id } })).grantId
    const tokenGrant = await grantIdOf(idOf(token))
    const browserGrant = await grantIdOf((await currentUserOf(browser))?.session.id ?? '')
    expect(tokenGrant).not.toBe(browserGrant)
    const refresh = async (id: string) => {
      await ageGrant(db, id, 2 * HOUR)
      await grants.hold(id)
    }
    await refresh(browserGrant)
    await refresh(tokenGrant)
    await refresh(browserGrant)
    await browser.graphql(LogoutDocument)
    await eventually(async () => (await db.grant.count({ where: { id: browserGrant } })) === 0, 'it is revoked')
    await refresh(tokenGrant)
    expect((await whoIs(token))?.session.needsReauthentication).toBe(false)

    const again = createHttpBrowser(atgate.url)
    const { session } = await signIn(again, 'alice.test')
    dataOf(await again.graphql(RevokeDeveloperTokenDocument, { input: { prefix: idOf(token) } }))
    await refresh(await grantIdOf(session.id))
    expect((await currentUserOf(again))?.session.needsReauthentication).toBe(false)
  })

  describe('in the hands of a program', () => {
    const did = didOf('alice.test')
    let holder: HttpBrowser
    let headers: Record<string, string>
    let id: string
    let other: string

    beforeEach(async () => {
      holder = createHttpBrowser(atgate.url)
      const { db } = atgate.gateway.stores
      const build = () => aSession({ db, now: atgate.stores.clock() }, { kind: 'DEVELOPER_TOKEN' })
      const [own, another] = [await build(), await build()]
      headers = bearer(own.token)
      id = own.session.id
      other = another.session.id
    })

    const challenge = { exchangeChallenge: 'x'.repeat(43), returnTo: 'http://127.0.0.1:45678/' }

    it.each<[string, () => Promise<GraphqlAnswer<unknown>>]>([
      ['list sessions', () => holder.graphql(SessionsDocument, undefined, headers)],
      ['end one', () => holder.graphql(RevokeSessionDocument, { input: { id } }, headers)],
      ['create another', () => holder.graphql(StartDeveloperTokenDocument, { input: challenge }, headers)],
      [
        'revoke another',
        () => holder.graphql(RevokeDeveloperTokenDocument, { input: { prefix: other.slice(0, 8) } }, headers),
      ],
      [
        'add an account',
        () => holder.graphql(StartAddAccountDocument, { input: { handle: 'bob.test', ...challenge } }, headers),
      ],
      [
        'upgrade its scopes',
        () => holder.graphql(StartScopeUpgradeDocument, { input: { scopes: ['atproto'], ...challenge } }, headers),
      ],
      ['switch', () => holder.graphql(SwitchAccountDocument, { input: { targetDid: did } }, headers)],
      ['unlink', () => holder.graphql(UnlinkAccountDocument, { input: { did } }, headers)],
      ['sign out to an account', () => holder.graphql(LogoutDocument, { input: { switchTo: did } }, headers)],
      ['sign out everywhere', () => holder.graphql(LogoutAllDocument, undefined, headers)],
    ])('cannot %s', async (_what, ask) => {
      const before = await countRows(atgate.gateway.stores.db)
      expect(codeOf(await ask())).toBe('FORBIDDEN')
      expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    })

    it('cannot list accounts', async () => {
      expect(await reachedBy(holder, headers)).toBe('FORBIDDEN')
    })

    it('shows itself and no other', async () => {
      const { developerTokens } = dataOf(await holder.graphql(DeveloperTokensDocument, undefined, headers))
      expect(developerTokens.map((each) => each.id)).toEqual([id])
    })

    it.each<[string, () => Promise<GraphqlAnswer<unknown>>]>([
      ['logout', () => holder.graphql(LogoutDocument, undefined, headers)],
      [
        'its own prefix',
        () => holder.graphql(RevokeDeveloperTokenDocument, { input: { prefix: id.slice(0, 8) } }, headers),
      ],
    ])('is ended by %s, and no other', async (_how, end) => {
      const { errors, response } = await end()
      expect(errors).toEqual([])
      expect(response.headers.getSetCookie()).toEqual([])
      expect(codeOf(await holder.graphql(DeveloperTokensDocument, undefined, headers))).toBe('UNAUTHENTICATED')
      const { db } = atgate.gateway.stores
      expect([await db.session.count({ where: { id } }), await db.session.count({ where: { id: other } })]).toEqual([
        0, 1,
      ])
    })
  })

  it('need somebody who is signed in', async () => {
    const nobody = createHttpBrowser(atgate.url)
    expect(codeOf(await nobody.graphql(DeveloperTokensDocument))).toBe('UNAUTHENTICATED')
    expect(codeOf(await nobody.graphql(StartDeveloperTokenDocument, { input: {} }))).toBe('UNAUTHENTICATED')
    const input = { prefix: '00000000' }
    expect(codeOf(await nobody.graphql(RevokeDeveloperTokenDocument, { input }))).toBe('UNAUTHENTICATED')
  })
})
