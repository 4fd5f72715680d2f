import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { ExchangeTokenDocument, StartScopeUpgradeDocument } from '../../web/generated/graphql.ts'
import {
  type AuthorizationServer,
  type PushRefusal,
  passThrough,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { currentUserOf, dataOf, outcomeOf, startScopeUpgrade } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { PUBLIC_NAME } from '../support/public-name.ts'
import { followCallback, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const NOTES = 'repo:com.example.note'
const EMAIL = 'transition:email'
const GENERIC = 'transition:generic'
const BOTH = ['atproto', EMAIL]

const refusal = (error: string, status = 400): PushRefusal => ({ status, error })

describeGateway('an authorization server', () => {
  let atgate: TestGateway
  let server: AuthorizationServer
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway({ OAUTH_OPTIONAL_SCOPES: `${NOTES} ${EMAIL} ${GENERIC}` })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    server = await startAuthorizationServer(inject('plcUrl'))
    browser = createHttpBrowser(atgate.url)
    return () => server.close()
  })

  async function arrive(authUrl: string) {
    const destination = await followCallback(browser, await passThrough(authUrl))
    const exchangeToken = destination.searchParams.get('exchange_token')
    if (exchangeToken !== null) dataOf(await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } }))
    return outcomeOf(destination)
  }

  const signIn = async () => arrive(await startSignIn(browser, { handle: server.did }))
  const upgrade = async (...scopes: string[]) => arrive(await startScopeUpgrade(browser, scopes))
  const scopes = async () => {
    const { grantedScopes = [], missingScopes = [], offeredScopes = [] } = (await currentUserOf(browser)) ?? {}
    return { granted: grantedScopes, missing: missingScopes, offered: offeredScopes }
  }

  it('that refuses an optional scope grants the others, and is not asked for it for an hour', async () => {
    server.onPush = (asked) => (asked.includes(NOTES) ? refusal('invalid_scope') : null)
    expect(await signIn()).toEqual({})
    expect(await upgrade(NOTES, EMAIL)).toEqual({ scope_upgraded: 'true' })
    expect(await scopes()).toEqual({ granted: BOTH, missing: [], offered: [NOTES, GENERIC] })
    const before = server.pushes.length
    expect(await upgrade(NOTES, GENERIC)).toEqual({ scope_upgraded: 'true' })
    expect(server.pushes.slice(before)).toEqual([[...BOTH, GENERIC]])
  })

  it('that leaves an optional scope out grants the others; one that leaves all out changes nothing', async () => {
    server.grants = (scope) => scope !== NOTES
    expect(await signIn()).toEqual({})
    expect(await upgrade(NOTES, EMAIL)).toEqual({ scope_upgraded: 'true' })
    expect(await scopes()).toEqual({ granted: BOTH, missing: [], offered: [NOTES, GENERIC] })
    expect(await upgrade(NOTES)).toEqual({ auth_error: 'scope_missing', auth_error_flow: 'scope_upgrade' })
    expect((await scopes()).granted).toEqual(BOTH)
  })

  it('that knows no granular scopes signs people in, and may grant a wider one in their place', async () => {
    server.onPush = (asked) => (asked.some((scope) => scope.includes('.example.')) ? refusal('invalid_scope') : null)
    expect(await signIn()).toEqual({})
    const { errors } = await browser.graphql(StartScopeUpgradeDocument, { input: { scopes: [NOTES] } })
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining(NOTES),
      extensions: { code: 'PDS_REFUSED', reason: 'SCOPE_REFUSED' },
    })
    expect(await upgrade(NOTES, GENERIC)).toEqual({ scope_upgraded: 'true' })
    expect(await scopes()).toEqual({ granted: ['atproto', GENERIC], missing: [], offered: [EMAIL] })
  })

  describe('that refuses to begin a sign-in', () => {
    async function problem() {
      const query = new URLSearchParams({ handle: server.did })
      const response = await browser.send(`/auth/start?${query}`, { headers: { accept: 'application/json' } })
      return { status: response.status, retryAfter: response.headers.get('retry-after'), ...(await response.json()) }
    }

    it.each([
      ['for a required scope', refusal('invalid_scope'), 'PDS_REFUSED', 'does not grant what is asked for: atproto'],
      ['for the client', refusal('invalid_client_metadata'), 'PDS_REFUSED', 'does not accept this app'],
      ['for any other reason', refusal('invalid_request'), 'PDS_REFUSED', 'refuses to begin a sign-in'],
      ['because it is broken', refusal('server_error', 500), 'PDS_UNAVAILABLE', 'does not answer'],
    ])('%s says so', async (_title, refused, error, message) => {
      server.onPush = () => refused
      expect(await problem()).toMatchObject({ status: 502, error, message: expect.stringContaining(message) })
      expect(atgate.logLines.join()).toContain('said by the server')
    })

    it.each([
      ['takes no client of this kind', { token_endpoint_auth_methods_supported: ['client_secret_basic'] }],
      ['has no place for requests', { pushed_authorization_request_endpoint: undefined }],
    ])('because it %s is not a mistake of ours', async (_title, metadata) => {
      server.metadata = metadata
      expect(await problem()).toMatchObject({
        status: 502,
        error: 'PDS_UNAVAILABLE',
        message: expect.stringContaining('not as it should'),
      })
      expect(atgate.logLines.join()).toMatch(/does not support|no PAR endpoint/)
    })

    it('because it does not know the account says so', async () => {
      server.hasAccount = false
      server.onPush = () => refusal('invalid_request')
      expect(await problem()).toMatchObject({
        error: 'PDS_REFUSED',
        reason: 'ACCOUNT_UNKNOWN',
        message: expect.stringContaining('does not know this account'),
      })
    })

    it('because it is busy is asked once more; if it stays so, the person is told when to try again', async () => {
      const busy = { ...refusal('temporarily_unavailable', 503), headers: { 'retry-after': '0' } }
      server.onPush = () => (server.pushes.length === 1 ? busy : null)
      expect(await signIn()).toEqual({})
      server.onPush = () => ({ ...busy, headers: { 'retry-after': '40' } })
      expect(await problem()).toMatchObject({ status: 502, retryAfter: '40', error: 'PDS_UNAVAILABLE' })
      expect(server.pushes).toHaveLength(3)
    })

    it('because its clock is another says so, to the operator too', async () => {
      const date = new Date(Date.now() - 20 * 60_000).toUTCString()
      server.onPush = () => ({ ...refusal('invalid_dpop_proof', 401), headers: { date } })
      expect(await problem()).toMatchObject({
        error: 'PDS_REFUSED',
        reason: 'CLOCK_OFF',
        message: expect.stringContaining('20 min apart'),
      })
      expect(atgate.logLines.join()).toContain('set it by NTP')
    })
  })
})

describeGateway('the real PDS', () => {
  it('that cannot fetch the client metadata refuses the client: the operator reads why', async () => {
    // Nothing listens under this name and port.
    const atgate = await startGateway({ PUBLIC_URL: `https://${PUBLIC_NAME}:1` })
    const browser = createHttpBrowser(atgate.url, `https://${PUBLIC_NAME}:1`)
    const response = await browser.send('/auth/start?handle=alice.test', { headers: { accept: 'application/json' } })
    expect(await response.json()).toMatchObject({ error: 'PDS_REFUSED', message: expect.stringContaining('this app') })
    const line = atgate.logLines.map((each) => JSON.parse(each)).find(({ level }) => level === 50)
    expect(line).toMatchObject({
      error: 'invalid_client_metadata',
      reason: expect.stringContaining('client metadata'),
      account: 'alice.test',
    })
    await atgate.close()
  })
})
