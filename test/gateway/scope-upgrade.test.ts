import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import {
  CurrentUserDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
} from '../../web/generated/graphql.ts'
import {
  addAccount,
  codeOf,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  outcomeOf,
  startScopeUpgrade,
  switcherOf,
  switchTo,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds, denyOnPds } from '../support/pds-pages.ts'
import { followCallback, signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const NOTES = 'repo:com.example.note'

describeGateway('a scope upgrade', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway({ OAUTH_OPTIONAL_SCOPES: `transition:email ${NOTES} blob:*/*` })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })

  const scopesOf = async () => (await currentUserOf(browser))?.grantedScopes.toSorted()
  const sameRows = async (before: object) =>
    JSON.stringify(await countRows(atgate.gateway.stores.db)) === JSON.stringify(before)

  async function upgrade(scopes: string[]) {
    const destination = await finishAs(browser, await startScopeUpgrade(browser, scopes), 'alice.test')
    expect(outcomeOf(destination)).toEqual({ scope_upgraded: 'true' })
    return dataOf(await exchange(browser, destination)).exchangeToken
  }

  it('keeps what was granted and adds what was asked; the old session ends only once the new one stands', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const old = (await currentUserOf(browser))?.session.id ?? ''
    const destination = await finishAs(browser, await startScopeUpgrade(browser, [NOTES]), 'alice.test')
    expect((await currentUserOf(browser))?.session.id).toBe(old)

    const cookie = await browser.sessionCookie()
    const answer = await exchange(browser, destination)
    const { session, sessionToken, account } = dataOf(answer).exchangeToken
    expect(session.id).not.toBe(old)
    expect([session.isCurrent, account.isActive]).toEqual([true, true])
    // The token goes on, so that an answer which is lost loses nothing.
    expect(sessionToken).toBeNull()
    expect(answer.response.headers.getSetCookie()).toEqual([])
    expect(await browser.sessionCookie()).toBe(cookie)
    expect(await scopesOf()).toEqual(['atproto', NOTES])
    await upgrade(['transition:email'])
    expect(await scopesOf()).toEqual(['atproto', NOTES, 'transition:email'])
    expect(await atgate.gateway.stores.db.session.findUnique({ where: { id: old } })).toBeNull()
    await eventually(() => sameRows(before), 'the old sessions and their grants are gone')
  })

  it('keeps the place of the session in the group', async () => {
    await addAccount(browser, 'bob.test')
    await addAccount(browser, 'carol.test')
    const alice = (await currentUserOf(browser))?.linkedAccounts[0]?.did ?? ''
    await switchTo(browser, alice)
    await upgrade([NOTES])
    expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test', 'carol.test'])
  })

  it('does not take the browser away from an account that was switched to meanwhile', async () => {
    await addAccount(browser, 'bob.test')
    const [alice, bob] = (await currentUserOf(browser))?.linkedAccounts ?? []
    await switchTo(browser, alice?.did ?? '')
    const destination = await finishAs(browser, await startScopeUpgrade(browser, [NOTES]), 'alice.test')
    await switchTo(browser, bob?.did ?? '')
    const { response, data } = await exchange(browser, destination)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(data?.exchangeToken).toMatchObject({
      sessionToken: null,
      account: { handle: 'alice.test', isActive: false },
    })
    expect(await switcherOf(browser)).toEqual(['alice.test', 'BOB.TEST'])
    await switchTo(browser, alice?.did ?? '')
    expect(await scopesOf()).toEqual(['atproto', NOTES])
  })

  describe('beside another one in a second tab', () => {
    /** Both are begun before either ends at the server. */
    async function destinations(): Promise<[URL, URL]> {
      const [notes, email] = [
        await startScopeUpgrade(browser, [NOTES]),
        await startScopeUpgrade(browser, ['transition:email']),
      ]
      return [await finishAs(browser, notes, 'alice.test'), await finishAs(browser, email, 'alice.test')]
    }
    const BOTH = ['atproto', NOTES, 'transition:email']

    it('asks for what that one asks for, too, so that neither is lost', async () => {
      const [earlier, later] = await destinations()
      dataOf(await exchange(browser, earlier))
      expect(await scopesOf()).toEqual(['atproto', NOTES])
      dataOf(await exchange(browser, later))
      expect(await scopesOf()).toEqual(BOTH)
    })

    it('takes no scope away if it was begun earlier and is exchanged later', async () => {
      const [earlier, later] = await destinations()
      const { session } = dataOf(await exchange(browser, later)).exchangeToken
      const { errors, data } = await exchange(browser, earlier)
      expect(errors).toEqual([])
      expect(data?.exchangeToken).toMatchObject({ session: { id: session.id, isCurrent: true }, sessionToken: null })
      expect(await scopesOf()).toEqual(BOTH)
      expect((await currentUserOf(browser))?.session.id).toBe(session.id)
    })
  })

  it('that the user denied is not asked for again by the next one', async () => {
    const denied = await startScopeUpgrade(browser, [NOTES])
    await followCallback(browser, await denyOnPds(denied, { username: 'alice.test', password: SANDBOX_PASSWORD }))
    await upgrade(['transition:email'])
    expect(await scopesOf()).toEqual(['atproto', 'transition:email'])
  })

  it('ends nothing where the browser has lost its cookie of the group, at the callback or at the exchange', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const late = await finishAs(browser, await startScopeUpgrade(browser, [NOTES]), 'alice.test')
    const authUrl = await startScopeUpgrade(browser, [NOTES])
    const lost = { cookie: `atgate=${await browser.sessionCookie()}` }
    await browser.loseSessionCookie()
    expect(outcomeOf(await finishAs(browser, authUrl, 'alice.test'))).toEqual({
      auth_error: 'client_mismatch',
      auth_error_flow: 'scope_upgrade',
    })
    expect(codeOf(await exchange(browser, late))).toBe('EXCHANGE_TOKEN_INVALID')
    await eventually(() => sameRows(before), 'the grant is given back')
    const { data } = await browser.graphql(CurrentUserDocument, undefined, lost)
    expect(data?.currentUser?.grantedScopes).toEqual(['atproto'])
  })

  it('refuses scopes that the client does not declare, and an empty list', async () => {
    const start = async (scopes: string[]) =>
      codeOf(await browser.graphql(StartScopeUpgradeDocument, { input: { scopes } }))
    expect(await start(['transition:generic'])).toBe('SCOPE_NOT_OFFERED')
    expect(await start([NOTES, 'nonsense'])).toBe('SCOPE_NOT_OFFERED')
    expect(await start(['repo:*'])).toBe('SCOPE_NOT_OFFERED')
    expect(await start([])).toBe('BAD_USER_INPUT')
    expect(await start(['repo?collection=com.example.note'])).toBeUndefined()
    expect(
      codeOf(await createHttpBrowser(atgate.url).graphql(StartScopeUpgradeDocument, { input: { scopes: [NOTES] } })),
    ).toBe('UNAUTHENTICATED')
  })

  it('by another account is refused: nothing is created, the old session stays', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const session = (await currentUserOf(browser))?.session.id
    const destination = await finishAs(browser, await startScopeUpgrade(browser, [NOTES]), 'bob.test')
    expect(outcomeOf(destination)).toMatchObject({ auth_error: 'account_mismatch', auth_error_flow: 'scope_upgrade' })
    expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    expect((await currentUserOf(browser))?.session.id).toBe(session)
  })

  it('that the user denies changes nothing', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const authUrl = await startScopeUpgrade(browser, [NOTES])
    const callback = await denyOnPds(authUrl, { username: 'alice.test', password: SANDBOX_PASSWORD })
    expect(outcomeOf(await followCallback(browser, callback))).toEqual({
      auth_error: 'access_denied',
      auth_error_flow: 'scope_upgrade',
    })
    expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    expect(await scopesOf()).toEqual(['atproto'])
  })

  it('that the server grants in part changes nothing: scope_missing', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const authUrl = await startScopeUpgrade(browser, ['transition:email'])
    const account = { username: 'alice.test', password: SANDBOX_PASSWORD, scope: 'atproto' }
    expect(outcomeOf(await followCallback(browser, await authorizeOnPds(authUrl, account)))).toEqual({
      auth_error: 'scope_missing',
      auth_error_flow: 'scope_upgrade',
    })
    expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    expect(await scopesOf()).toEqual(['atproto'])
  })

  it('adds what a session lacks since the gateway asks for more', async () => {
    const { db } = atgate.gateway.stores
    const { id } = (await currentUserOf(browser))?.session ?? { id: '' }
    // As a session from before OAUTH_SCOPE was widened: the grant lacks a scope that is required now.
    const demanding = await startGateway({ OAUTH_SCOPE: `atproto ${NOTES}` })
    const visitor = createHttpBrowser(demanding.url)
    const { session } = await signIn(visitor, 'alice.test')
    await demanding.gateway.stores.db.grant.updateMany({ data: { scope: 'atproto' } })
    expect((await currentUserOf(visitor))?.missingScopes).toEqual([NOTES])
    expect((await currentUserOf(visitor))?.offeredScopes).toContain(NOTES)
    // Until then it creates no developer token, and is told what it lacks.
    const refused = await visitor.graphql(StartDeveloperTokenDocument, { input: {} })
    expect(refused.errors[0]?.extensions).toEqual({ code: 'SCOPE_UPGRADE_REQUIRED', missingScopes: [NOTES] })
    const destination = await finishAs(visitor, await startScopeUpgrade(visitor, [NOTES]), 'alice.test')
    dataOf(await exchange(visitor, destination))
    expect((await currentUserOf(visitor))?.missingScopes).toEqual([])
    dataOf(await visitor.graphql(StartDeveloperTokenDocument, { input: {} }))
    expect(session.id).not.toBe((await currentUserOf(visitor))?.session.id)
    await demanding.close()
    expect(await db.session.count({ where: { id } })).toBe(1)
  })
})
