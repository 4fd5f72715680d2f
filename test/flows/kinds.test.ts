import { beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { bindToChallenge, bindToCookie } from '../../src/flows/client-binding.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import { PENDING_FLOW_TTL } from '../../src/flows/flow-lifetime.ts'
import { addAccount } from '../../src/flows/kinds/add-account.ts'
import { createAccount } from '../../src/flows/kinds/create-account.ts'
import { developerToken } from '../../src/flows/kinds/developer-token.ts'
import { login } from '../../src/flows/kinds/login.ts'
import { scopeUpgrade } from '../../src/flows/kinds/scope-upgrade.ts'
import { isStillSignedIn } from '../../src/flows/starter.ts'
import { aSession, aViewer, type BuiltViewer, didOf, type SessionOptions, seenBy } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const alice = didOf('alice.test')
const GROUP = { did: null, groupId: 'group' }
const STARTER = { did: alice, groupId: 'group' }
const THEN = new Date(Date.UTC(2026, 0, 1))
const COOKIE = bindToCookie('cookie')
const CHALLENGE = bindToChallenge('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')

describe('a flow', () => {
  it.each([
    ['login', {}, { outcome: {}, welcomesNewcomers: true, staysInGroup: false, starter: null }],
    ['create_account', {}, { outcome: {}, welcomesNewcomers: true, staysInGroup: false, starter: null }],
    [
      'add_account',
      { starter: GROUP, begunAt: THEN },
      { outcome: { account_added: 'true' }, welcomesNewcomers: false, staysInGroup: true, starter: GROUP },
    ],
    [
      'scope_upgrade',
      { starter: STARTER, did: alice, authenticatedAt: THEN },
      { outcome: { scope_upgraded: 'true' }, welcomesNewcomers: false, staysInGroup: true, starter: STARTER },
    ],
    [
      'developer_token',
      { starter: STARTER, name: 'ci', days: 30 },
      { outcome: { dev_token: 'true' }, welcomesNewcomers: false, staysInGroup: false, starter: STARTER },
    ],
  ] as const)('of the kind %s is resumed as it was stored', (kind, purpose, expected) => {
    const stored = JSON.parse(JSON.stringify(purpose))
    expect(resumeFlow(kind, stored)).toMatchObject({ kind, purpose, ...expected })
  })

  it.each(['login', 'create_account', 'add_account', 'scope_upgrade'] as const)(
    'of the kind %s makes a session of the sort that its client can hold',
    (kind) => {
      const config = loadConfig({ SESSION_DAYS: '10' })
      const flow = resumeFlow(kind, { starter: STARTER, did: alice, begunAt: THEN, authenticatedAt: THEN })
      expect(flow.session({ binding: COOKIE, config })).toEqual({ kind: 'BROWSER', name: null, days: 10 })
      expect(flow.session({ binding: CHALLENGE, config })).toEqual({ kind: 'SDK', name: null, days: 10 })
    },
  )

  it('of the kind developer_token makes a developer token, with its own name and days', () => {
    const flow = resumeFlow('developer_token', { starter: STARTER, name: 'ci', days: 30 })
    const plan = { kind: 'DEVELOPER_TOKEN', name: 'ci', days: 30 }
    expect(flow.session({ binding: COOKIE, config: loadConfig({}) })).toEqual(plan)
  })

  it('whose purpose has another form is refused', () => {
    expect(() => resumeFlow('add_account', {})).toThrow()
    expect(() => resumeFlow('scope_upgrade', { starter: { did: 'x' } })).toThrow()
    expect(() => resumeFlow('developer_token', { starter: STARTER })).toThrow()
  })
})

describe('the start of', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    gateway = await openUnitGateway({ OAUTH_OPTIONAL_SCOPES: 'transition:generic transition:email' })
  })

  /** The gateway, which finds any handle: no directory is there that could be asked. */
  const finding = () => {
    const find = async (handle: string) => ({ input: handle, did: didOf(handle) })
    return { ...gateway, atproto: { ...gateway.atproto, identities: { ...gateway.atproto.identities, find } } }
  }
  const withSettings = (environment: Record<string, string>) => ({ ...gateway, config: loadConfig(environment) })
  const build = (options: SessionOptions = {}) => aViewer(gateway, options)

  describe('a login', () => {
    const start = (account: string) => login.start(gateway, { account })

    it('at a server lets the account be chosen there', async () => {
      expect(await start(' https://pds.example.com ')).toEqual({
        input: 'https://pds.example.com',
        account: null,
        scopes: ['atproto'],
        purpose: {},
      })
      expect(await start('HTTPS://pds.example.com/')).toMatchObject({ input: 'https://pds.example.com' })
    })

    it('at an http server is refused outside the sandbox', async () => {
      await expect(start('http://pds.example.com')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
      const sandbox = withSettings({ ALLOW_INSECURE_PDS: 'on' })
      expect(await login.start(sandbox, { account: 'http://localhost:2583' })).toMatchObject({
        input: 'http://localhost:2583',
      })
    })

    it('of an account is for that account', async () => {
      expect(await login.start(finding(), { account: ' bob.test ' })).toEqual({
        input: 'bob.test',
        account: didOf('bob.test'),
        scopes: ['atproto'],
        purpose: {},
      })
    })

    it('takes anything else for a handle', async () => {
      await expect(start('xhttps://pds.example.com')).rejects.toMatchObject({ code: 'INVALID_HANDLE' })
      expect(login.prompt).toBeNull()
    })
  })

  describe('an account creation', () => {
    const start = (environment: Record<string, string>, pdsUrl = 'https://pds.example.com') =>
      createAccount.start(withSettings(environment), { pdsUrl })
    const options = JSON.stringify([{ name: 'A', url: 'https://pds.example.com' }])

    it('is refused where there is none', () => {
      expect(() => start({})).toThrow(expect.objectContaining({ code: 'ACCOUNT_CREATION_DISABLED' }))
    })

    it('is on one of the PDS options', () => {
      const environment = { ACCOUNT_CREATION: 'on', PDS_OPTIONS: options }
      expect(start(environment)).toEqual({
        input: 'https://pds.example.com',
        account: null,
        scopes: ['atproto'],
        purpose: {},
      })
      expect(() => start(environment, 'https://other.example.com')).toThrow(
        expect.objectContaining({ code: 'ACCOUNT_CREATION_DISABLED' }),
      )
      expect(() => start(environment, 'http://pds.example.com')).toThrow(
        expect.objectContaining({ code: 'BAD_USER_INPUT' }),
      )
      expect(createAccount.prompt).toBe('create')
    })

    it('is anywhere where any PDS may be named', () => {
      const environment = { ACCOUNT_CREATION: 'on', ACCOUNT_CREATION_ANY_PDS: 'on' }
      expect(start(environment, 'https://other.example.com')).toMatchObject({ input: 'https://other.example.com' })
    })
  })

  describe('an added account', () => {
    const start = ({ client }: Pick<BuiltViewer, 'client'>, handle = 'bob.test') =>
      addAccount.start(finding(), { client, handle })
    const beside = async ({ session }: BuiltViewer, options: SessionOptions) =>
      (await aSession({ db: gateway.stores.db, now: gateway.clock() }, { groupId: session.groupId, ...options }))
        .session

    it('is for that account, whoever of the group began it', async () => {
      const viewer = await build()
      expect(await start(viewer)).toEqual({
        input: 'bob.test',
        account: didOf('bob.test'),
        scopes: ['atproto'],
        purpose: { starter: { did: null, groupId: viewer.session.groupId }, begunAt: expect.any(Date) },
      })
      expect(addAccount.prompt).toBe('login')
    })

    it('is refused when it is linked, unless its grant was lost or its session has expired', async () => {
      const viewer = await build()
      const { db } = gateway.stores
      const session = await beside(viewer, { handle: 'bob.test' })
      const again = async () => start(await seenBy(gateway, viewer.token))
      await expect(again()).rejects.toMatchObject({
        code: 'ALREADY_LINKED',
        message: 'bob.test is signed in here already. Switch to it.',
      })
      // In another group it is none of this one's.
      expect(await start(await build())).toMatchObject({ input: 'bob.test' })
      await db.grant.update({ where: { id: session.grantId }, data: { state: 'lost' } })
      expect(await again()).toMatchObject({ input: 'bob.test' })
      await db.grant.update({ where: { id: session.grantId }, data: { state: 'ok' } })
      await db.session.update({ where: { id: session.id }, data: { expiresAt: new Date(gateway.clock() - 1) } })
      expect(await again()).toMatchObject({ input: 'bob.test' })
    })

    it('is not refused for an account that the token does not reach: it may not even tell', async () => {
      const viewer = await build()
      await beside(viewer, { handle: 'bob.test', authenticatedAt: new Date(gateway.clock() + 60_000) })
      expect(await start(await seenBy(gateway, viewer.token))).toMatchObject({ input: 'bob.test' })
    })

    it('is refused to a client that has ten, unless it is one of them', async () => {
      const viewer = await build()
      const others = Array.from({ length: 9 }, (_, index) => `other-${index}.test`)
      for (const handle of others) await beside(viewer, { handle, grant: { state: 'lost' } })
      await expect(start(viewer)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: /At most 10 accounts/ })
      const full = await seenBy(gateway, viewer.token)
      expect(await start(full, 'other-3.test')).toMatchObject({ input: 'other-3.test' })
      const expired = { expiresAt: new Date(gateway.clock() - 1) }
      await gateway.stores.db.session.updateMany({ where: { did: didOf('other-0.test') }, data: expired })
      expect(await start(full)).toMatchObject({ input: 'bob.test' })
    })
  })

  describe('a scope upgrade', () => {
    const start = ({ client, viewer }: Pick<BuiltViewer, 'client' | 'viewer'>, scopes: string[]) =>
      scopeUpgrade.start(gateway, { client, viewer, scopes })

    it('asks for the scopes that are required, granted and wanted, as far as they are declared', async () => {
      const viewer = await build({ grant: { scope: 'atproto transition:email transition:chat.bsky' } })
      const { did, groupId, authenticatedAt } = viewer.session
      expect(await start(viewer, ['transition:generic atproto'])).toEqual({
        input: did,
        account: did,
        scopes: ['atproto', 'transition:email'],
        optionalScopes: ['transition:generic'],
        needsOptional: true,
        purpose: { starter: { did, groupId }, did, authenticatedAt },
      })
      expect(scopeUpgrade.prompt).toBeNull()
    })

    it('asks for what another one asks that is under way, but not for what has been declined or is over', async () => {
      const viewer = await build()
      await start(viewer, ['transition:email'])
      const second = await start(viewer, ['transition:generic'])
      expect(second).toMatchObject({ scopes: ['atproto'], optionalScopes: ['transition:generic', 'transition:email'] })
      const flow = resumeFlow('scope_upgrade', JSON.parse(JSON.stringify(second.purpose)))
      await flow.abandon(gateway)
      expect(await start(viewer, ['transition:generic'])).toMatchObject({ optionalScopes: ['transition:generic'] })
      gateway.clock.advance(PENDING_FLOW_TTL)
      expect(await start(viewer, ['transition:email'])).toMatchObject({ optionalScopes: ['transition:email'] })
    })

    it('for what the session has already needs nothing more', async () => {
      const viewer = await build({ grant: { scope: 'atproto transition:email' } })
      expect(await start(viewer, ['transition:email'])).toMatchObject({ optionalScopes: [], needsOptional: false })
    })

    it('is refused without scopes and with one that is not offered', async () => {
      const viewer = await build()
      await expect(start(viewer, [])).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
      await expect(start(viewer, [' '])).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
      await expect(start(viewer, ['transition:email', 'transition:chat.bsky', 'blob:*/*'])).rejects.toMatchObject({
        code: 'SCOPE_NOT_OFFERED',
        message: 'This gateway does not offer transition:chat.bsky, blob:*/*.',
      })
    })

    it('is refused to one who was signed out meanwhile', async () => {
      const viewer = await build()
      await gateway.stores.db.session.delete({ where: { id: viewer.session.id } })
      await expect(start(viewer, ['transition:email'])).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    })
  })

  describe('a developer token', () => {
    const LIMITS = { DEVELOPER_TOKEN_DEFAULT_DAYS: '90', DEVELOPER_TOKEN_MAX_DAYS: '365' }
    type Request = { name?: string; expiresInDays?: number | null; scopes?: string[] }
    const start = async (request: Request, options?: SessionOptions, environment: Record<string, string> = LIMITS) => {
      const { viewer, client } = await build(options)
      const defaults = { name: null, expiresInDays: null, scopes: null }
      return developerToken.start(withSettings(environment), { viewer, client, ...defaults, ...request })
    }

    it('asks for the scopes of the session', async () => {
      const started = await start({ name: ' ci ' })
      expect(started).toMatchObject({
        input: didOf('alice.test'),
        account: didOf('alice.test'),
        scopes: ['atproto'],
        purpose: { starter: { did: didOf('alice.test') }, name: 'ci', days: 90 },
      })
      expect(developerToken.prompt).toBe('consent')
    })

    it.each([
      [null, 90],
      [0, 365],
      [1, 1],
      [365, 365],
    ])('for %s days lasts %i', async (expiresInDays, days) => {
      expect(await start({ expiresInDays })).toMatchObject({ purpose: { days } })
    })

    it.each([-1, 366])('for %i days is refused', async (expiresInDays) => {
      await expect(start({ expiresInDays })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        message: 'expiresInDays must be from 1 to 365, or 0 for the longest allowed.',
      })
    })

    it('has a name of at most 100 characters, or none', async () => {
      const longest = 'a'.repeat(100)
      expect(await start({ name: longest })).toMatchObject({ purpose: { name: longest } })
      expect(await start({ name: '  ' })).toMatchObject({ purpose: { name: null } })
      await expect(start({ name: `${longest}a` })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    })

    it('is refused to a session that lacks a required scope', async () => {
      const required = { ...LIMITS, OAUTH_SCOPE: 'atproto transition:email transition:generic' }
      await expect(start({}, {}, required)).rejects.toMatchObject({
        code: 'SCOPE_UPGRADE_REQUIRED',
        message: expect.stringContaining('transition:email, transition:generic'),
        missingScopes: ['transition:email', 'transition:generic'],
      })
    })

    it('may have fewer scopes than the session, and none that the session lacks', async () => {
      const offered = {
        ...LIMITS,
        OAUTH_SCOPE: 'atproto transition:email',
        OAUTH_OPTIONAL_SCOPES: 'transition:generic',
      }
      const held = { grant: { scope: 'atproto transition:email' } }
      const ask = (scopes: string[]) => start({ scopes }, held, offered)
      expect(await ask(['atproto'])).toMatchObject({ scopes: ['atproto'] })
      expect(await ask(['transition:email'])).toMatchObject({ scopes: ['atproto', 'transition:email'] })
      await expect(ask(['transition:generic'])).rejects.toMatchObject({
        code: 'SCOPE_UPGRADE_REQUIRED',
        missingScopes: ['transition:generic'],
      })
      await expect(ask(['transition:chat.bsky'])).rejects.toMatchObject({ code: 'SCOPE_NOT_OFFERED' })
      await expect(ask([])).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    })
  })

  describe('a flow from within a session', () => {
    it('needs its starter to stay signed in', async () => {
      const { session } = await build()
      const groupId = session.groupId ?? ''
      const { db } = gateway.stores
      const isSignedIn = (did: string | null) => isStillSignedIn(db, { did, groupId }, new Date(gateway.clock()))
      expect([await isSignedIn(session.did), await isSignedIn(null)]).toEqual([true, true])

      await db.session.update({ where: { id: session.id }, data: { expiresAt: new Date(gateway.clock() - 1) } })
      expect([await isSignedIn(session.did), await isSignedIn(null)]).toEqual([false, false])
      await aSession({ db }, { handle: 'bob.test', groupId })
      await aSession({ db })
      expect([await isSignedIn(session.did), await isSignedIn(null)]).toEqual([false, true])
    })
  })
})
