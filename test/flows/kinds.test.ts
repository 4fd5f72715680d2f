import { beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { bindToChallenge, bindToCookie } from '../../src/flows/client-binding.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import { addAccount } from '../../src/flows/kinds/add-account.ts'
import { createAccount } from '../../src/flows/kinds/create-account.ts'
import { developerToken } from '../../src/flows/kinds/developer-token.ts'
import { login } from '../../src/flows/kinds/login.ts'
import { scopeUpgrade } from '../../src/flows/kinds/scope-upgrade.ts'
import { isStillSignedIn, starterOf } from '../../src/flows/starter.ts'
import type { Viewer } from '../../src/sessions/viewer.ts'
import { aSession, aViewer, didOf, type SessionOptions } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const STARTER = { did: didOf('alice.test'), groupId: 'group' }
const COOKIE = bindToCookie('cookie')
const CHALLENGE = bindToChallenge('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')

describe('a flow', () => {
  it.each([
    ['login', {}, { outcome: {}, welcomesNewcomers: true, announces: null, starter: null }],
    ['create_account', {}, { outcome: {}, welcomesNewcomers: true, announces: null, starter: null }],
    [
      'add_account',
      { starter: STARTER },
      { outcome: { account_added: 'true' }, welcomesNewcomers: false, announces: 'ACCOUNT_ADDED', starter: STARTER },
    ],
    [
      'scope_upgrade',
      { starter: STARTER },
      { outcome: { scope_upgraded: 'true' }, welcomesNewcomers: false, announces: 'SCOPES_UPGRADED', starter: STARTER },
    ],
    [
      'developer_token',
      { starter: STARTER, name: 'ci', days: 30 },
      { outcome: { dev_token: 'true' }, welcomesNewcomers: false, announces: null, starter: STARTER },
    ],
  ] as const)('of the kind %s is resumed as it was stored', (kind, purpose, expected) => {
    expect(resumeFlow(kind, purpose)).toMatchObject({ kind, purpose, ...expected })
  })

  it.each(['login', 'create_account', 'add_account', 'scope_upgrade'] as const)(
    'of the kind %s makes a session of the sort that its client can hold',
    (kind) => {
      const config = loadConfig({ SESSION_DAYS: '10' })
      const flow = resumeFlow(kind, { starter: STARTER })
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
  const aViewerWith = async (options: SessionOptions = {}) => (await aViewer(gateway, options)).viewer

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
    const start = (viewer: Viewer) => addAccount.start(finding(), { viewer, handle: 'bob.test' })

    it('is for that account', async () => {
      const viewer = await aViewerWith()
      expect(await start(viewer)).toEqual({
        input: 'bob.test',
        account: didOf('bob.test'),
        scopes: ['atproto'],
        purpose: { starter: { did: viewer.session.did, groupId: viewer.session.groupId } },
      })
      expect(addAccount.prompt).toBe('login')
    })

    it('is refused when it is linked, unless its grant was lost or its session has expired', async () => {
      const viewer = await aViewerWith()
      const { groupId } = viewer.session
      const { db } = gateway.stores
      const { session } = await aSession({ db, now: gateway.clock() }, { handle: 'bob.test', groupId })
      await expect(start(viewer)).rejects.toMatchObject({
        code: 'ALREADY_LINKED',
        message: 'bob.test is signed in here already. Switch to it.',
      })
      // In another group it is none of this one's.
      expect(await start(await aViewerWith())).toMatchObject({ input: 'bob.test' })
      await db.grant.update({ where: { id: session.grantId }, data: { state: 'lost' } })
      expect(await start(viewer)).toMatchObject({ input: 'bob.test' })
      await db.grant.update({ where: { id: session.grantId }, data: { state: 'ok' } })
      await db.session.update({ where: { id: session.id }, data: { expiresAt: new Date(gateway.clock() - 1) } })
      expect(await start(viewer)).toMatchObject({ input: 'bob.test' })
    })

    it('is refused to a developer token', async () => {
      await expect(start(await aViewerWith({ kind: 'DEVELOPER_TOKEN' }))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    })
  })

  describe('a scope upgrade', () => {
    it('asks for the scopes that are required, granted and wanted, as far as they are declared', async () => {
      const viewer = await aViewerWith({ grant: { scope: 'atproto transition:email transition:chat.bsky' } })
      expect(scopeUpgrade.start(gateway, { viewer, scopes: ['transition:generic atproto'] })).toEqual({
        input: viewer.session.did,
        account: viewer.session.did,
        scopes: ['atproto', 'transition:email', 'transition:generic'],
        purpose: { starter: { did: viewer.session.did, groupId: viewer.session.groupId } },
      })
      expect(scopeUpgrade.prompt).toBeNull()
    })

    it('is refused without scopes, with one that is not offered, and to a developer token', async () => {
      const viewer = await aViewerWith()
      const start = (scopes: string[], by = viewer) => scopeUpgrade.start(gateway, { viewer: by, scopes })
      expect(() => start([])).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
      expect(() => start([' '])).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }))
      expect(() => start(['transition:email', 'transition:chat.bsky', 'blob:*/*'])).toThrow(
        expect.objectContaining({
          code: 'SCOPE_NOT_OFFERED',
          message: 'This gateway does not offer transition:chat.bsky, blob:*/*.',
        }),
      )
      const token = await aViewerWith({ kind: 'DEVELOPER_TOKEN' })
      expect(() => start(['transition:email'], token)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
    })
  })

  describe('a developer token', () => {
    const LIMITS = { DEVELOPER_TOKEN_DEFAULT_DAYS: '90', DEVELOPER_TOKEN_MAX_DAYS: '365' }
    const start = async (request: { name?: string | null; expiresInDays?: number | null }, options?: SessionOptions) =>
      developerToken.start(withSettings(LIMITS), {
        viewer: await aViewerWith(options),
        name: null,
        expiresInDays: null,
        ...request,
      })

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

    it('is refused to a session that lacks a required scope, and to a developer token', async () => {
      const required = { ...LIMITS, OAUTH_SCOPE: 'atproto transition:email transition:generic' }
      const viewer = await aViewerWith()
      expect(() => developerToken.start(withSettings(required), { viewer, name: null, expiresInDays: null })).toThrow(
        expect.objectContaining({
          code: 'SCOPE_UPGRADE_REQUIRED',
          message: expect.stringContaining('transition:email, transition:generic'),
          missingScopes: ['transition:email', 'transition:generic'],
        }),
      )
      await expect(start({}, { kind: 'DEVELOPER_TOKEN' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    })
  })

  describe('a flow from within a session', () => {
    it('needs its starter to stay signed in', async () => {
      const viewer = await aViewerWith()
      const starter = starterOf(viewer)
      expect(starter).toEqual({ did: viewer.session.did, groupId: viewer.session.groupId })
      const { db } = gateway.stores
      const isSignedIn = () => isStillSignedIn(db, starter, new Date(gateway.clock()))
      expect(await isSignedIn()).toBe(true)

      // An upgrade and a switch leave it in the group.
      await db.session.update({ where: { id: viewer.session.id }, data: { isActive: false } })
      expect(await isSignedIn()).toBe(true)
      await db.session.update({ where: { id: viewer.session.id }, data: { expiresAt: new Date(gateway.clock() - 1) } })
      expect(await isSignedIn()).toBe(false)
      await aSession({ db }, { handle: 'bob.test', groupId: starter.groupId })
      await aSession({ db })
      expect(await isSignedIn()).toBe(false)
    })
  })
})
