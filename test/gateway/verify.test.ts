import { decodeJwt } from 'jose'
import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { aSession, aToken, type BuiltSession, didOf, type SessionOptions } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { getRequest, openConnection } from '../support/raw-connection.ts'
import { describeGateway } from '../support/suite.ts'

const SERVICE = 'http://127.0.0.1:8080'
const AUDIENCE = 'https://api.example.com'

/** What a browser sends with a navigation. */
const NAVIGATION = { 'sec-fetch-mode': 'navigate', accept: 'text/html' }

/** What a proxy tells of the request that it asks about. */
const forwarded = (uri = '/notes?id=1', more: Record<string, string> = {}) => ({
  'x-forwarded-proto': 'http',
  'x-forwarded-host': '127.0.0.1:8080',
  'x-forwarded-uri': uri,
  ...more,
})

describeGateway('GET /auth/verify', () => {
  let atgate: TestGateway
  let alice: BuiltSession
  let cookie: Record<string, string>

  beforeAll(async () => {
    atgate = await startGateway({
      SERVICE_ORIGINS: SERVICE,
      TOKEN_AUDIENCES: `${AUDIENCE},https://other.example.com`,
      TRUST_PROXY: '127.0.0.1',
    })
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    alice = await build({ handle: 'alice.test', grant: { scope: 'atproto repo:app.example.note' } })
    cookie = { cookie: `atgate=${alice.token}` }
  })

  const parts = () => ({ db: atgate.stores.database.prisma, now: atgate.stores.clock() })
  const build = (options: SessionOptions = {}) => aSession(parts(), options)
  const bearer = ({ token }: Pick<BuiltSession, 'token'>) => ({ authorization: `Bearer ${token}` })

  /** Asks as a proxy does. `body` is null where the answer has none. */
  async function ask(headers: Record<string, string | string[]>, query = '', method: 'GET' | 'HEAD' = 'GET') {
    const response = await request(`${atgate.url}/auth/verify${query}`, { method, headers })
    const text = await response.body.text()
    const body = text === '' ? null : (JSON.parse(text) as Record<string, unknown>)
    return { status: response.statusCode, headers: response.headers, body }
  }

  describe('of a request with a session', () => {
    it('answers 200, and who it is', async () => {
      const { status, headers, body } = await ask(cookie)
      expect(status).toBe(200)
      expect(body).toBeNull()
      expect(headers).toMatchObject({
        'x-auth-did': didOf('alice.test'),
        'x-auth-handle': 'alice.test',
        'x-auth-session': alice.session.id,
        'x-auth-scope': 'atproto repo:app.example.note',
        'x-auth-token': expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        'cache-control': 'no-store',
      })
      expect(headers['set-cookie']).toBeUndefined()
    })

    it('answers HEAD the same', async () => {
      const { status, headers } = await ask(cookie, '', 'HEAD')
      expect([status, headers['x-auth-did']]).toEqual([200, didOf('alice.test')])
    })

    it.each(['SDK', 'DEVELOPER_TOKEN'] as const)('answers a bearer token of the kind %s', async (kind) => {
      const built = await build({ handle: 'bob.test', kind })
      const { status, headers } = await ask(bearer(built))
      expect([status, headers['x-auth-session']]).toEqual([200, built.session.id])
    })

    it('names the account that the request acts as', async () => {
      const { groupId } = alice.session
      await build({ handle: 'bob.test', groupId })
      const { headers } = await ask({ ...cookie, 'atgate-account': didOf('bob.test') })
      expect(headers['x-auth-did']).toBe(didOf('bob.test'))
      expect((await ask(cookie)).headers['x-auth-did']).toBe(didOf('alice.test'))
    })

    it('counts as the first use of a token: what it replaces ends', async () => {
      const { id: replacesGroupId } = await atgate.stores.database.prisma.sessionGroup.findFirstOrThrow({
        where: { id: String(alice.session.groupId) },
      })
      const bob = await build({ handle: 'bob.test' })
      const { text } = await aToken(parts(), bob.session, { confirmedAt: null, replacesGroupId })
      expect((await ask(cookie)).status).toBe(200)
      expect((await ask({ cookie: `atgate=${text}` })).headers['x-auth-did']).toBe(didOf('bob.test'))
      expect((await ask(cookie)).status).toBe(401)
    })

    it('writes nothing, and gives the same identity token again', async () => {
      const first = await ask(cookie)
      const before = atgate.stores.statements.length
      const again = await ask(cookie)
      expect(again.headers['x-auth-token']).toBe(first.headers['x-auth-token'])
      expect(atgate.stores.statements.slice(before).filter((sql) => !sql.startsWith('SELECT'))).toEqual([])
    })
  })

  it('keeps a text of somebody else within its header, and every other character as it is', async () => {
    const handle = 'a%0d\r\nx-auth-did: did:web:evil.test\u2028é~ "\t\0'
    const built = await build({ handle: 'odd.test', grant: { scope: 'atproto repo:*?a=%25\r\nx-auth-scope: all' } })
    await atgate.stores.database.prisma.account.update({
      where: { did: built.session.did },
      data: { handle: handle.replaceAll('\0', '') },
    })
    const { status, headers } = await ask({ cookie: `atgate=${built.token}` })
    expect(status).toBe(200)
    expect(headers['x-auth-did']).toBe(didOf('odd.test'))
    expect(headers['x-auth-handle']).toBe('a%250d%0D%0Ax-auth-did: did:web:evil.test%E2%80%A8%C3%A9~ "%09')
    expect(headers['x-auth-scope']).toBe('atproto repo:*?a=%2525%0D%0Ax-auth-scope: all')
  })

  it('has no handle of an account whose handle does not lead back to it', async () => {
    const built = await build({ handle: 'lost.test' })
    const data = { handle: 'handle.invalid' }
    await atgate.stores.database.prisma.account.update({ where: { did: built.session.did }, data })
    const { headers } = await ask({ cookie: `atgate=${built.token}` })
    expect(headers).toMatchObject({ 'x-auth-did': didOf('lost.test'), 'x-auth-handle': '' })
    expect(decodeJwt(String(headers['x-auth-token']))).toMatchObject({ sub: didOf('lost.test'), handle: '' })
  })

  describe('with ?scope=', () => {
    it.each([
      ['?scope=atproto', 200],
      ['?scope=atproto&scope=repo%3Aapp.example.note', 200],
      ['?scope=repo%3Aapp.example.note%3Faction%3Dcreate', 200],
      ['?scope=', 200],
      ['?scope=repo%3Aapp.example.other', 403],
      ['?scope=atproto&scope=transition%3Ageneric', 403],
      ['?scope=atproto+transition%3Ageneric', 403],
    ])('%s answers %i', async (query, status) => {
      expect((await ask(cookie, query)).status).toBe(status)
    })

    it('says what is missing', async () => {
      const { body } = await ask(cookie, '?scope=atproto&scope=transition%3Ageneric&scope=repo%3Aapp.example.other')
      expect(body).toEqual({
        error: 'SCOPE_UPGRADE_REQUIRED',
        message: expect.stringContaining('transition:generic'),
        missingScopes: ['transition:generic', 'repo:app.example.other'],
      })
    })
  })

  describe('answers 401 and no name', () => {
    const noName = (headers: Record<string, unknown>) =>
      Object.keys(headers).filter((name) => name.startsWith('x-auth'))

    it.each([
      ['nobody', () => ({})],
      ['a cookie as bearer token', () => bearer(alice)],
      ['a token that is none', () => ({ cookie: 'atgate=nonsense' })],
      ['a wrong secret', () => ({ cookie: `atgate=${alice.token.slice(0, -3)}abc` })],
      ['a wrong bearer token beside a good cookie', () => ({ ...cookie, authorization: 'Bearer nonsense' })],
      ['X-Auth headers of its own', () => ({ 'x-auth-did': didOf('alice.test') })],
    ])('to %s', async (_who, headers) => {
      const answer = await ask(headers())
      expect(answer.status).toBe(401)
      expect(answer.body).toMatchObject({ error: 'UNAUTHENTICATED' })
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'www-authenticate': 'Bearer' })
      expect(noName(answer.headers)).toEqual([])
    })

    it('to a session that was ended, or has expired', async () => {
      const developer = await build({ handle: 'bob.test', kind: 'DEVELOPER_TOKEN' })
      expect((await ask(bearer(developer))).status).toBe(200)
      await atgate.stores.database.prisma.session.delete({ where: { id: developer.session.id } })
      expect((await ask(bearer(developer))).status).toBe(401)
      const expired = await build({ expiresAt: new Date(atgate.stores.clock() - 1) })
      expect((await ask({ cookie: `atgate=${expired.token}` })).status).toBe(401)
    })

    it('to a client whose active account has ended, though others are signed in, and says why', async () => {
      await build({ handle: 'bob.test', groupId: alice.session.groupId })
      await atgate.stores.database.prisma.session.delete({ where: { id: alice.session.id } })
      expect(await ask(cookie)).toMatchObject({
        status: 401,
        body: { error: 'UNAUTHENTICATED', reason: 'ACCOUNT_SIGNED_OUT' },
      })
    })
  })

  it('a bearer token counts before a cookie', async () => {
    const bob = await build({ handle: 'bob.test', kind: 'SDK' })
    expect((await ask({ ...cookie, ...bearer(bob) })).headers['x-auth-did']).toBe(didOf('bob.test'))
  })

  it('other schemes of authorization are the service’s own', async () => {
    expect((await ask({ ...cookie, authorization: 'Basic YTpi' })).status).toBe(200)
  })

  describe('answers 403, which lets nobody through,', () => {
    it.each([didOf('carol.test'), 'nonsense'])('where the request names %s, who is not signed in here', async (did) => {
      const answer = await ask({ ...cookie, 'atgate-account': did })
      expect(answer).toMatchObject({ status: 403, body: { error: 'ACCOUNT_CHANGED' } })
      expect((await ask({ 'atgate-account': did })).status).toBe(403)
    })

    it.each(['?audience=https%3A%2F%2Fevil.example', '?audience=', '?audience=a&audience=b', '?redirect=maybe'])(
      'to the mistake %s',
      async (query) => {
        expect(await ask(cookie, query)).toMatchObject({ status: 403, body: { error: 'BAD_USER_INPUT' } })
      },
    )

    it('to two Host headers', async () => {
      const connection = await openConnection(atgate.url)
      connection.send(getRequest('/auth/verify', `host: evil.example\r\ncookie: ${cookie.cookie}\r\n`))
      expect(await connection.receives('BAD_USER_INPUT')).toMatch(/^HTTP\/1.1 403 /)
      connection.destroy()
    })
  })

  it('is never sent from localhost to 127.0.0.1: the proxy asks, not the browser', async () => {
    const answer = await ask({ ...cookie, host: 'localhost' })
    expect(answer.status).toBe(200)
    expect((await ask({ 'x-forwarded-host': 'localhost', ...cookie })).status).toBe(200)
  })

  describe('with ?redirect=1', () => {
    /** Where a person is sent: the path and query of the portal. */
    const sentTo = async (headers: Record<string, string | string[]>, query = '?redirect=1') => {
      const answer = await ask({ ...NAVIGATION, ...headers }, query)
      return [answer.status, String(answer.headers.location ?? '')]
    }
    const signIn = (next: string) => [303, `${atgate.url}/?${new URLSearchParams({ next })}`]
    const withoutNext = () => [303, `${atgate.url}/`]

    it('leads a person who is not signed in to the sign-in, and from there to the page that they wanted', async () => {
      expect(await sentTo(forwarded('/notes?id=1&tag=a%20b,c'))).toEqual(signIn(`${SERVICE}/notes?id=1&tag=a%20b,c`))
      const { headers } = await ask({ ...NAVIGATION, ...forwarded() }, '?redirect=1')
      expect(headers['cache-control']).toBe('no-store')
    })

    it('changes nothing for whom the request may pass, or whom signing in does not help', async () => {
      expect((await ask({ ...NAVIGATION, ...forwarded(), ...cookie }, '?redirect=1')).status).toBe(200)
      const { status } = await ask({ ...NAVIGATION, ...forwarded(), ...cookie }, '?redirect=1&scope=account%3Aemail')
      expect(status).toBe(403)
    })

    it.each([
      ['a call of a script', { 'sec-fetch-mode': 'cors' }],
      ['an image', { 'sec-fetch-mode': 'no-cors' }],
      ['a form', { 'x-forwarded-method': 'POST' }],
    ])('leads %s nowhere: it is told 401', async (_what, headers) => {
      expect(await sentTo({ ...forwarded(), ...headers })).toEqual([401, ''])
    })

    it('leads to a page of a frontend too', async () => {
      const { host } = new URL(atgate.url)
      expect(await sentTo(forwarded('/a', { 'x-forwarded-host': host }))).toEqual(signIn(`${atgate.url}/a`))
    })

    it.each([
      ['another host', { 'x-forwarded-host': 'evil.example' }],
      ['another port', { 'x-forwarded-host': '127.0.0.1:8081' }],
      ['another scheme', { 'x-forwarded-proto': 'https' }],
      ['a script', { 'x-forwarded-proto': 'javascript' }],
      ['a user name that looks like the host', { 'x-forwarded-host': '127.0.0.1:8080@evil.example' }],
      ['a host with a path', { 'x-forwarded-host': 'evil.example/127.0.0.1:8080' }],
      ['a path that continues the host', { 'x-forwarded-host': '127.0.0.1', 'x-forwarded-uri': ':8080@evil.example' }],
      ['a path that is no path', { 'x-forwarded-uri': '@evil.example/' }],
      ['a host in front of the real one', { 'x-forwarded-host': '127.0.0.1:8080, evil.example' }],
      ['no host', { 'x-forwarded-host': '' }],
    ])('never leads on to %s', async (_what, headers) => {
      expect(await sentTo({ ...forwarded(), ...headers })).toEqual(withoutNext())
    })

    it('stays on the service whatever the path is', async () => {
      expect(await sentTo(forwarded('//evil.example/\\evil.example'))).toEqual(
        signIn(`${SERVICE}//evil.example//evil.example`),
      )
    })

    it('leads to the start of the service where the address is too long to be carried', async () => {
      expect(await sentTo(forwarded(`/${'a'.repeat(3000)}`))).toEqual(signIn(SERVICE))
    })

    it('believes nobody but the proxy: without TRUST_PROXY there is no way back', async () => {
      for (const TRUST_PROXY of ['off', '10.0.0.0/8']) {
        const other = await startGateway({ SERVICE_ORIGINS: SERVICE, TRUST_PROXY })
        const headers = { ...NAVIGATION, ...forwarded() }
        const response = await request(`${other.url}/auth/verify?redirect=1`, { headers })
        expect([response.statusCode, response.headers.location]).toEqual([303, `${other.url}/`])
        expect(other.logLines.some((line) => line.includes('no way back to the service'))).toBe(true)
        await other.close()
      }
    })
  })

  describe('where limits are on', () => {
    let limited: TestGateway
    beforeAll(async () => {
      limited = await startGateway({ RATE_LIMITS: 'failures=3', TRUST_PROXY: '127.0.0.1' })
    })
    afterAll(() => limited.close())

    it('never refuses a session that was verified before, and answers 503 to more wrong tokens', async () => {
      const { token } = await aSession({ db: limited.stores.database.prisma, now: limited.stores.clock() })
      const verify = async (text: string, address: string) => {
        const headers = { cookie: `atgate=${text}`, 'x-forwarded-for': address }
        const response = await request(`${limited.url}/auth/verify`, { headers })
        return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
      }
      expect((await verify(token, '203.0.113.1')).status).toBe(200)
      const wrong = `${token.slice(0, -3)}abc`
      const statuses: number[] = []
      for (let count = 0; count < 5; count++) statuses.push((await verify(wrong, '203.0.113.1')).status)
      expect(statuses).toEqual([401, 401, 401, 503, 503])
      const refused = await verify(wrong, '203.0.113.1')
      expect(JSON.parse(refused.body)).toMatchObject({ error: 'RATE_LIMITED' })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      for (let count = 0; count < 20; count++) expect((await verify(token, '203.0.113.1')).status).toBe(200)
      expect((await verify(wrong, '203.0.113.2')).status).toBe(401)
    })
  })

  it('without TOKEN_AUDIENCES has the header of the identity token, empty', async () => {
    const plain = await startGateway()
    const { token } = await aSession({ db: plain.stores.database.prisma, now: plain.stores.clock() })
    const response = await request(`${plain.url}/auth/verify`, { headers: { cookie: `atgate=${token}` } })
    expect([response.statusCode, response.headers['x-auth-token']]).toEqual([200, ''])
    await plain.close()
  })
})
