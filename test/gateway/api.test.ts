import { parse, print } from 'graphql'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  CurrentUserDocument,
  LogoutDocument,
  SessionsDocument,
  UnlinkAccountDocument,
} from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { codeOf, dataOf, switcherOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { listen } from '../support/session-changes.ts'
import { signIn } from '../support/sign-in.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

describeGateway('the API', () => {
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway({ CORS_ORIGINS: 'https://other.example' })
    browser = createHttpBrowser(atgate.url)
    await signIn(browser, 'alice.test')
  })
  afterAll(() => atgate.close())

  const LOGOUT = JSON.stringify({ query: print(LogoutDocument) })
  const post = (body: string, headers: Record<string, string>) =>
    browser.send('/graphql', { method: 'POST', headers, body })
  const isSignedIn = async () => (await browser.graphql(CurrentUserDocument)).data?.currentUser !== null

  describe('takes changes by cookie from its own frontends alone', () => {
    it.each([
      ['a foreign origin', { origin: 'https://evil.example' }],
      ['an origin that hides itself', { origin: 'null' }],
      ['its own name on another port', { origin: 'http://127.0.0.1:1' }],
      ['its own name as the start of another', { origin: 'http://127.0.0.1:4000.evil.example' }],
      ['another site that names no origin', { 'sec-fetch-site': 'cross-site' }],
      ['a sibling that names no origin', { 'sec-fetch-site': 'same-site' }],
    ])('not from %s', async (_what, headers) => {
      const response = await post(LOGOUT, { 'content-type': 'application/json', ...headers })
      expect(response.status).toBe(403)
      expect(await response.json()).toMatchObject({ error: 'FORBIDDEN' })
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
      expect(await isSignedIn()).toBe(true)
    })

    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/graphql',
    ])('not as %s', async (contentType) => {
      const response = await post(LOGOUT, { 'content-type': contentType })
      expect(response.status).toBe(415)
      // Refused before anything reads the body.
      expect(await response.json()).toMatchObject({ error: 'BAD_USER_INPUT' })
      expect(await isSignedIn()).toBe(true)
    })

    it('not by GET', async () => {
      const response = await browser.send(
        `/graphql?query=${encodeURIComponent('mutation { logout { sessionToken } }')}`,
      )
      expect(response.status).toBe(405)
      expect(await isSignedIn()).toBe(true)
    })

    it('from a configured origin, to which it also shows its answers', async () => {
      const preflight = await browser.send('/graphql', {
        method: 'OPTIONS',
        headers: { origin: 'https://other.example', 'access-control-request-method': 'POST' },
      })
      expect(preflight.headers.get('access-control-allow-origin')).toBe('https://other.example')
      expect(preflight.headers.get('access-control-allow-credentials')).toBe('true')
      expect(preflight.headers.get('access-control-allow-headers')?.split(/, */)).toEqual([
        'content-type',
        'authorization',
        'atgate-account',
        'atproto-proxy',
        'atproto-accept-labelers',
      ])
      expect(preflight.headers.get('access-control-max-age')).toBe('7200')
      const { data, response } = await browser.graphql(CurrentUserDocument, undefined, {
        origin: 'https://other.example',
      })
      expect(data?.currentUser?.handle).toBe('alice.test')
      expect(response.headers.get('access-control-allow-origin')).toBe('https://other.example')
      expect(response.headers.get('vary')).toMatch(/origin/i)
      expect(response.headers.get('access-control-expose-headers')?.split(/, */)).toEqual([
        'x-request-id',
        'retry-after',
        'atgate-error',
        'atproto-repo-rev',
      ])
    })

    it('from a client that is no browser and names no origin', async () => {
      const response = await post(JSON.stringify({ query: '{ currentUser { handle } }' }), {
        'content-type': 'application/json',
      })
      expect(await response.json()).toEqual({ data: { currentUser: { handle: 'alice.test' } } })
    })
  })

  it.each([
    ['no JSON', '{', 400],
    ['an empty body', '', 400],
    ['more than it reads', JSON.stringify({ query: 'x'.repeat(300 * 1024) }), 413],
  ])('refuses %s with a reason', async (_what, body, status) => {
    const response = await post(body, { 'content-type': 'application/json' })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: 'BAD_USER_INPUT', message: expect.any(String) })
  })

  it('says what is wrong with a query', async () => {
    const response = await post(JSON.stringify({ query: '{ nonsense }' }), { 'content-type': 'application/json' })
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { code: string } }[] }
    expect(errors[0]?.message).toContain('nonsense')
    expect(errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED')
  })

  it('answers anonymous requests with null or UNAUTHENTICATED', async () => {
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ currentUser { did } } ' }),
    })
    expect(await response.json()).toEqual({ data: { currentUser: null } })
    for (const query of [
      '{ sessions { id } }',
      '{ linkedAccounts { did } }',
      '{ developerTokens { id } }',
      'mutation { logout { sessionToken } }',
      'mutation { logoutAll { loggedOutCount } }',
    ]) {
      const refused = await fetch(`${atgate.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      expect(refused.status).toBe(200)
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    }
  })

  describe('for a request that names an account (Atgate-Account)', () => {
    const alice = didOf('alice.test')
    const bob = didOf('bob.test')
    let two: HttpBrowser

    beforeEach(async () => {
      two = await signedInBrowser(atgate, ['alice.test', 'bob.test'])
    })

    it('acts as that one, active or not, and leaves the active one as it is', async () => {
      const named = { 'atgate-account': alice }
      const { data } = await two.graphql(CurrentUserDocument, undefined, named)
      expect(data?.currentUser).toMatchObject({ did: alice, session: { isCurrent: true } })
      const sessions = dataOf(await two.graphql(SessionsDocument, undefined, named)).sessions
      expect(sessions.filter(({ isCurrent }) => isCurrent).map(({ id }) => id)).toEqual([data?.currentUser?.session.id])
      expect(codeOf(await two.graphql(UnlinkAccountDocument, { input: { did: alice } }, named))).toBe('ALREADY_ACTIVE')
      expect(await switcherOf(two)).toEqual(['alice.test', 'BOB.TEST'])
    })

    it.each<[string, () => HttpBrowser | Promise<HttpBrowser>]>([
      ['is not signed in here', () => two],
      ['is somebody’s, where nobody is signed in', () => createHttpBrowser(atgate.url)],
      ['was signed out here', () => signedInBrowser(atgate, ['alice.test', 'bob.test', 'carol.test'])],
    ])('answers 409 ACCOUNT_CHANGED before anything happens, if it %s', async (_why, open) => {
      const who = await open()
      const carol = didOf('carol.test')
      await who.graphql(LogoutDocument, { input: { switchTo: bob } })
      const before = await countRows(atgate.gateway.stores.db)
      for (const query of [
        '{ currentUser { did } pdsOptions { enabled } }',
        'mutation { logoutAll { loggedOutCount } }',
        `mutation { switchAccount(input: { targetDid: "${alice}" }) { account { did } } }`,
      ]) {
        const { data, errors, response } = await who.graphql(parse(query), undefined, { 'atgate-account': carol })
        expect(response.status).toBe(409)
        expect(errors.map(({ extensions }) => extensions.code)).toEqual(['ACCOUNT_CHANGED'])
        expect(data).toBeNull()
        expect(response.headers.getSetCookie()).toEqual([])
      }
      expect(await countRows(atgate.gateway.stores.db)).toEqual(before)
    })

    it('refuses a stream in the same way', async () => {
      const stream = await listen(two, { 'atgate-account': didOf('carol.test') })
      expect(stream.status).toBe(409)
      await eventually(async () => stream.kinds.includes('ACCOUNT_CHANGED'), 'it is refused')
    })

    it('signs that one out, and goes on as the other', async () => {
      const named = { 'atgate-account': alice }
      const { data } = await two.graphql(LogoutDocument, { input: { switchTo: bob } }, named)
      expect(data?.logout.switchedTo).toMatchObject({ did: bob, isActive: true })
      expect(await switcherOf(two)).toEqual(['BOB.TEST'])
      expect((await two.graphql(CurrentUserDocument, undefined, named)).response.status).toBe(409)
    })
  })

  it('answers a whole currentUser with one database query', async () => {
    const { statements } = atgate.stores
    statements.length = 0
    const { data, errors } = await browser.graphql(CurrentUserDocument)
    expect(errors).toEqual([])
    expect(data?.currentUser?.linkedAccounts).toHaveLength(1)
    expect(statements).toHaveLength(1)
  })

  it('serves GraphiQL to a browser, whole and from nowhere else', async () => {
    const response = await browser.send('/graphql', { headers: { accept: 'text/html' } })
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    const page = await response.text()
    expect(page).toContain('GraphiQL')
    expect(page).not.toMatch(/<(script|link)[^>]+(src|href)=["']?https?:/i)
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  it('says NOT_FOUND where nothing is', async () => {
    const response = await browser.send('/nowhere')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: 'NOT_FOUND' })
  })

  describe('when something unexpected happens', () => {
    // A table that is gone is no outage, and nothing that anyone foresaw.
    beforeEach(() =>
      atgate.gateway.stores.db.$executeRawUnsafe('ALTER TABLE "Session" RENAME TO "Elsewhere"').then(() => undefined),
    )

    it('masks it, with a request id by which the log has it whole', async () => {
      const { data, errors, response } = await browser.graphql(CurrentUserDocument)
      await atgate.gateway.stores.db.$executeRawUnsafe('ALTER TABLE "Elsewhere" RENAME TO "Session"')
      expect(data).toEqual({ currentUser: null })
      expect(response.status).toBe(200)
      expect(errors).toHaveLength(1)
      const [error] = errors
      expect(error?.extensions.code).toBe('INTERNAL_SERVER_ERROR')
      expect(JSON.stringify(errors)).not.toMatch(/Session|prisma|table|\.ts/i)
      const requestId = String(error?.extensions.requestId)
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
      const line = atgate.logLines.find((each) => each.includes(requestId) && each.includes('"unexpected error"'))
      expect(line).toContain('Session')
      expect(await isSignedIn()).toBe(true)
    })
  })
})
