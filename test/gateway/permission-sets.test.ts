import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import {
  CurrentUserDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
} from '../../web/generated/graphql.ts'
import {
  codeOf,
  currentUserOf,
  dataOf,
  exchange,
  finishAs,
  outcomeOf,
  startDeveloperToken,
  startScopeUpgrade,
} from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds, readAuthorizationPage } from '../support/pds-pages.ts'
import { calls, writes } from '../support/permission-sets.ts'
import { forgetSet, publishSet, withdrawSet } from '../support/publisher.ts'
import { followCallback, signIn, startSignIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { openStores, type Stores } from '../support/stores.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** No repository has it. */
const NOBODY = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

const NOTES = { title: 'Your notes', detail: 'Write notes.', permissions: [writes(['app.example.note'])] }
const MORE = { ...NOTES, permissions: [writes(['app.example.note', 'app.example.tag']), calls('app.example.search')] }
const GRANTED = ['atproto', 'repo:app.example.note']
const GRANTED_MORE = [
  'atproto',
  'repo?collection=app.example.note&collection=app.example.tag',
  'rpc:app.example.search?aud=*',
]

describeGateway('permission sets', () => {
  let stores: Stores
  let running: TestGateway[]
  let browser: HttpBrowser
  /** Each test publishes a set of its own. */
  let nsid: string
  let set: string
  let count = 0

  beforeAll(async () => {
    stores = await openStores()
  })
  afterAll(() => stores.close())
  beforeEach(() => {
    running = []
    nsid = `app.example.auth${String.fromCharCode(97 + count++)}`
    set = `include:${nsid}`
    return async () => {
      for (const each of running) await each.stop()
    }
  })

  /** A gateway over the stores of this file, whose sets have been fetched if they can be. */
  async function open(env: Record<string, string>): Promise<TestGateway> {
    const atgate = await startGateway({ OAUTH_OPTIONAL_SCOPES: '', ...env }, stores)
    running.push(atgate)
    await atgate.gateway.atproto.permissionSets.settle()
    browser = createHttpBrowser(atgate.url)
    return atgate
  }

  const scopes = async () => {
    const { grantedScopes = [], missingScopes = [], offeredScopes = [] } = (await currentUserOf(browser)) ?? {}
    return { granted: grantedScopes.toSorted(), missing: missingScopes, offered: offeredScopes }
  }

  async function upgrade(...asked: string[]): Promise<void> {
    const destination = await finishAs(browser, await startScopeUpgrade(browser, asked), 'alice.test')
    expect(outcomeOf(destination)).toEqual({ scope_upgraded: 'true' })
    dataOf(await exchange(browser, destination))
  }

  /** What the gateway knows of the sets now, after its ten minutes. */
  async function lookAgain({ gateway }: TestGateway): Promise<void> {
    await stores.advance(10 * MINUTE)
    gateway.atproto.permissionSets.find(nsid)
    await gateway.atproto.permissionSets.settle()
  }

  describe('that are required', () => {
    it('are asked for as one, and granted as what they hold', async () => {
      await publishSet(nsid, MORE)
      await open({ OAUTH_SCOPE: `atproto ${set}`, OAUTH_OPTIONAL_SCOPES: 'transition:email' })
      const page = await readAuthorizationPage(await startSignIn(browser, { handle: 'alice.test' }))
      expect(page.scope).toBe(`atproto ${set}`)
      await signIn(browser, 'alice.test')
      expect(await scopes()).toEqual({ granted: GRANTED_MORE, missing: [], offered: ['transition:email'] })
      expect((await currentUserOf(browser))?.describedScopes).toEqual([
        { scope: set, title: 'Your notes', detail: 'Write notes.', includedBy: null },
        {
          scope: 'repo?collection=app.example.note&collection=app.example.tag',
          title: 'Create, change and delete app.example.note and app.example.tag records',
          detail: null,
          includedBy: set,
        },
        {
          scope: 'rpc:app.example.search?aud=*',
          title: 'Call app.example.search of any service as you',
          detail: null,
          includedBy: set,
        },
        { scope: 'atproto', title: 'Know which account is yours', detail: null, includedBy: null },
        { scope: 'transition:email', title: 'See your email address', detail: null, includedBy: null },
      ])
    })

    it('are missing when the account declines them', async () => {
      await publishSet(nsid, NOTES)
      await open({ OAUTH_SCOPE: `atproto ${set}` })
      const account = { username: 'alice.test', password: SANDBOX_PASSWORD, scope: 'atproto' }
      const callback = await authorizeOnPds(await startSignIn(browser, { handle: 'alice.test' }), account)
      expect(outcomeOf(await followCallback(browser, callback))).toEqual({
        auth_error: 'scope_missing',
        auth_error_flow: 'login',
      })
    })

    it('and grow show as missing, sign nobody out, and are whole again after a refresh', async () => {
      await publishSet(nsid, NOTES)
      const atgate = await open({ OAUTH_SCOPE: `atproto ${set}` })
      const { session } = await signIn(browser, 'alice.test')
      expect(await scopes()).toEqual({ granted: GRANTED, missing: [], offered: [] })

      await publishSet(nsid, MORE)
      await lookAgain(atgate)
      expect(await scopes()).toEqual({ granted: GRANTED, missing: [set], offered: [set] })
      const refused = await browser.graphql(StartDeveloperTokenDocument, { input: {} })
      expect(refused.errors[0]?.extensions).toEqual({ code: 'SCOPE_UPGRADE_REQUIRED', missingScopes: [set] })

      const { grantId } = await stores.database.prisma.session.findUniqueOrThrow({ where: { id: session.id } })
      await ageGrant(stores.database.prisma, grantId, HOUR)
      await eventually(async () => (await scopes()).missing.length === 0, 'the refreshed grant has the new part')
      expect(await scopes()).toEqual({ granted: GRANTED_MORE, missing: [], offered: [] })
      expect((await currentUserOf(browser))?.session.id).toBe(session.id)
    })

    it('and grow are granted whole by an upgrade', async () => {
      await publishSet(nsid, NOTES)
      const atgate = await open({ OAUTH_SCOPE: `atproto ${set}` })
      await signIn(browser, 'alice.test')
      await publishSet(nsid, MORE)
      await lookAgain(atgate)
      await upgrade(set)
      expect(await scopes()).toEqual({ granted: GRANTED_MORE, missing: [], offered: [] })
    })
  })

  describe('that are optional', () => {
    it('are added by an upgrade, and kept by the next one', async () => {
      await publishSet(nsid, MORE)
      await open({ OAUTH_OPTIONAL_SCOPES: `${set} transition:email` })
      await signIn(browser, 'alice.test')
      expect(await scopes()).toEqual({ granted: ['atproto'], missing: [], offered: [set, 'transition:email'] })
      await upgrade(set)
      expect(await scopes()).toEqual({ granted: GRANTED_MORE, missing: [], offered: ['transition:email'] })
      await upgrade('transition:email')
      expect(await scopes()).toEqual({ granted: [...GRANTED_MORE, 'transition:email'], missing: [], offered: [] })
    })

    it('stay when they shrink, and do not stand in the way of an upgrade', async () => {
      await publishSet(nsid, MORE)
      const atgate = await open({ OAUTH_OPTIONAL_SCOPES: `${set} transition:email` })
      await signIn(browser, 'alice.test')
      await upgrade(set)
      await publishSet(nsid, NOTES)
      await lookAgain(atgate)
      await upgrade('transition:email')
      expect(await scopes()).toEqual({ granted: [...GRANTED, 'transition:email'], missing: [], offered: [] })
    })

    it('are passed on to a developer token, whole or, where it is declared too, a part', async () => {
      await publishSet(nsid, MORE)
      const part = 'repo:app.example.tag?action=create'
      const atgate = await open({ OAUTH_OPTIONAL_SCOPES: `${set} ${part}` })
      await signIn(browser, 'alice.test')
      await upgrade(set)

      async function scopesOfToken(names?: string[]): Promise<string[]> {
        const input = names === undefined ? {} : { scopes: names }
        const destination = await finishAs(browser, await startDeveloperToken(browser, input), 'alice.test')
        const token = dataOf(await exchange(browser, destination)).exchangeToken.sessionToken
        const script = createHttpBrowser(atgate.url)
        const user = dataOf(
          await script.graphql(CurrentUserDocument, undefined, { authorization: `Bearer ${token}` }),
        ).currentUser
        return user?.grantedScopes.toSorted() ?? []
      }
      expect(await scopesOfToken()).toEqual(GRANTED_MORE)
      expect(await scopesOfToken([set])).toEqual(GRANTED_MORE)
      expect(await scopesOfToken([part])).toEqual(['atproto', part])
      // What the set holds is not declared by itself: the PDS would refuse it.
      const undeclared = await browser.graphql(StartDeveloperTokenDocument, {
        input: { scopes: ['repo:app.example.tag'] },
      })
      expect(codeOf(undeclared)).toBe('SCOPE_NOT_OFFERED')
    })
  })

  it('are what a service can demand (/auth/verify), and only those that are granted whole for certain', async () => {
    const verified = async (scope: string) =>
      (await browser.send(`/auth/verify?${new URLSearchParams({ scope })}`)).status
    await publishSet(nsid, NOTES)
    const atgate = await open({ OAUTH_OPTIONAL_SCOPES: set })
    await signIn(browser, 'alice.test')
    expect(await verified(set)).toBe(403)
    await upgrade(set)
    expect(await verified(set)).toBe(200)
    expect(await verified('repo:app.example.note?action=create')).toBe(200)
    // Nobody has declared this one, so nobody looks it up.
    expect(await verified('include:app.example.authUndeclared')).toBe(403)
    await publishSet(nsid, MORE)
    await lookAgain(atgate)
    expect(await verified(set)).toBe(403)
  })

  describe('that cannot be fetched', () => {
    it('by the gateway are granted all the same, and nobody is asked for them again', async () => {
      await publishSet(nsid, NOTES)
      const atgate = await open({ OAUTH_SCOPE: `atproto ${set}`, LEXICON_AUTHORITY_DID: NOBODY })
      expect(atgate.gateway.atproto.permissionSets.find(nsid)).toBeNull()
      await signIn(browser, 'alice.test')
      expect(await scopes()).toEqual({ granted: GRANTED, missing: [], offered: [] })
      dataOf(await browser.graphql(StartDeveloperTokenDocument, { input: {} }))
      expect(atgate.logLines.join()).toContain('permission set not fetched')
    })

    it('by the gateway any more are taken as they were', async () => {
      await publishSet(nsid, NOTES)
      await open({ OAUTH_SCOPE: `atproto ${set}` })
      await publishSet(nsid, MORE)
      const atgate = await open({ OAUTH_SCOPE: `atproto ${set}`, LEXICON_AUTHORITY_DID: NOBODY })
      await signIn(browser, 'alice.test')
      expect(await scopes()).toEqual({ granted: GRANTED_MORE, missing: [], offered: [] })
      await atgate.stores.database.prisma.grant.updateMany({ data: { scope: 'atproto repo:app.example.tag' } })
      expect((await scopes()).missing).toEqual([set])
    })

    it('by the PDS keep nobody from the rest of an upgrade; alone they are refused with the reason', async () => {
      await publishSet(nsid, NOTES)
      await open({ OAUTH_OPTIONAL_SCOPES: `${set} transition:email` })
      await signIn(browser, 'alice.test')
      await withdrawSet(nsid)
      await forgetSet(nsid)
      await upgrade(set, 'transition:email')
      expect(await scopes()).toEqual({ granted: ['atproto', 'transition:email'], missing: [], offered: [set] })
      const alone = await browser.graphql(StartScopeUpgradeDocument, { input: { scopes: [set] } })
      expect(alone.errors[0]).toMatchObject({
        message: expect.stringContaining(set),
        extensions: { code: 'PDS_REFUSED', reason: 'SCOPE_REFUSED' },
      })
    })

    it('since they were withdrawn, stay granted through a refresh and through an upgrade', async () => {
      await publishSet(nsid, NOTES)
      const atgate = await open({ OAUTH_OPTIONAL_SCOPES: `${set} transition:email` })
      await signIn(browser, 'alice.test')
      await upgrade(set)
      await withdrawSet(nsid)
      await lookAgain(atgate)
      expect((await scopes()).granted).toEqual(GRANTED)
      await upgrade('transition:email')
      expect(await scopes()).toEqual({ granted: [...GRANTED, 'transition:email'], missing: [], offered: [] })
      const { id = '' } = (await currentUserOf(browser))?.session ?? {}
      const { grantId } = await stores.database.prisma.session.findUniqueOrThrow({ where: { id } })
      const before = await stores.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId } })
      await ageGrant(stores.database.prisma, grantId, HOUR)
      await eventually(async () => {
        // The clock of these tests is an hour ahead by now, so each request tries, but every ten seconds only.
        await stores.advance(MINUTE / 4)
        await currentUserOf(browser)
        const { generation } = await stores.database.prisma.grant.findUniqueOrThrow({ where: { id: grantId } })
        return generation > before.generation
      }, 'the grant is refreshed')
      expect(await scopes()).toEqual({ granted: [...GRANTED, 'transition:email'], missing: [], offered: [] })
    })
  })
})
