import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createService } from '../../examples/services/fastify.ts'
import { createIdentityVerifier } from '../../examples/services/verify-identity.ts'
import { createIdentityKeys } from '../../src/services/identity-keys/identity-keys.ts'
import { replaceKeys } from '../../src/services/identity-keys/rows.ts'
import { hasAuthlib, verifyByAuthlib } from '../support/authlib.ts'
import { aSession, aToken, type BuiltSession, didOf, type SessionOptions } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { buildGoVerifier, hasGoOidc } from '../support/go-oidc.ts'
import { openStores, type Stores } from '../support/stores.ts'
import { describeGateway } from '../support/suite.ts'

const API = 'https://api.example.com'
const TOKEN_AUDIENCES = `${API},https://other.example.com`
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

const NO_BODY = Symbol('no body')

const authlib = await hasAuthlib()
// To build it takes a minute.
const isFull = inject('tier') === 'full'
const goVerifier = isFull && (await hasGoOidc()) ? await buildGoVerifier() : null

describeGateway('identity tokens', () => {
  let atgate: TestGateway
  let alice: BuiltSession

  beforeAll(async () => {
    atgate = await startGateway({ TOKEN_AUDIENCES, CORS_ORIGINS: 'https://app.example.com' })
  })
  afterAll(async () => {
    await atgate.close()
    await goVerifier?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    alice = await build({ handle: 'alice.test', grant: { scope: 'atproto transition:generic' } })
  })

  const parts = () => ({ db: atgate.stores.database.prisma, now: atgate.stores.clock() })
  const build = (options: SessionOptions = {}) => aSession(parts(), options)

  async function post(
    headers: Record<string, string>,
    body: unknown = { audience: API },
    url = atgate.url,
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
    const response = await fetch(`${url}/auth/token`, {
      method: 'POST',
      headers: { ...(body !== NO_BODY && { 'content-type': 'application/json' }), ...headers },
      ...(body !== NO_BODY && { body: JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as never }
  }
  const cookieOf = ({ token }: Pick<BuiltSession, 'token'>) => ({ cookie: `atgate=${token}`, origin: atgate.url })
  const tokenOf = async (audience = API) => String((await post(cookieOf(alice), { audience })).body.token)
  const fetchJwks = async (url = atgate.url) => (await fetch(`${url}/auth/jwks.json`)).json() as Promise<JSONWebKeySet>

  describe('POST /auth/token', () => {
    it('issues one for the audience that is named, and says until when', async () => {
      const { status, headers, body } = await post(cookieOf(alice))
      expect(status).toBe(200)
      expect(headers.get('cache-control')).toBe('no-store')
      const claims = decodeJwt(String(body.token))
      expect(claims).toMatchObject({ aud: API, sub: didOf('alice.test'), sid: alice.session.id })
      expect(body).toEqual({ token: body.token, expiresAt: new Date(Number(claims.exp) * 1000).toISOString() })
    })

    it.each(['SDK', 'DEVELOPER_TOKEN'] as const)('issues one to a bearer token of the kind %s', async (kind) => {
      const built = await build({ handle: 'bob.test', kind })
      const { status, body } = await post({ authorization: `Bearer ${built.token}` })
      expect(status).toBe(200)
      expect(decodeJwt(String(body.token)).sub).toBe(didOf('bob.test'))
    })

    it('issues one for the account that the request names, or none', async () => {
      await build({ handle: 'bob.test', groupId: alice.session.groupId })
      const named = (did: string) => post({ ...cookieOf(alice), 'atgate-account': did })
      expect(decodeJwt(String((await named(didOf('bob.test'))).body.token)).sub).toBe(didOf('bob.test'))
      expect(await named(didOf('carol.test'))).toMatchObject({ status: 409, body: { error: 'ACCOUNT_CHANGED' } })
    })

    it('counts as the first use of a token', async () => {
      const { row, text } = await aToken(parts(), alice.session, { confirmedAt: null })
      expect((await post({ ...cookieOf(alice), cookie: `atgate=${text}` })).status).toBe(200)
      const used = await atgate.stores.database.prisma.clientToken.findUniqueOrThrow({ where: { id: row.id } })
      expect(used.confirmedAt).not.toBeNull()
    })

    it('asks for the audience where there are several, and takes the only one without a body', async () => {
      expect(await post(cookieOf(alice), NO_BODY)).toMatchObject({ status: 400, body: { error: 'BAD_USER_INPUT' } })
      const single = await startGateway({ TOKEN_AUDIENCES: API })
      const { token } = await aSession({ db: single.stores.database.prisma, now: single.stores.clock() })
      for (const body of [NO_BODY, {}, { audience: null }, { audience: API }]) {
        expect((await post({ cookie: `atgate=${token}`, origin: single.url }, body, single.url)).status).toBe(200)
      }
      await single.close()
    })

    it.each([
      { audience: 'https://evil.example' },
      { audience: '' },
      { audience: [API] },
      { audience: 7 },
      [API],
      'text',
    ])('refuses %j', async (body) => {
      expect(await post(cookieOf(alice), body)).toMatchObject({ status: 400, body: { error: 'BAD_USER_INPUT' } })
    })

    it.each(['https://evil.example', 'null', 'http://127.0.0.1:1'])('refuses the origin %s', async (origin) => {
      expect(await post({ ...cookieOf(alice), origin })).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } })
    })

    it('is open to a frontend of the gateway', async () => {
      const origin = 'https://app.example.com'
      const { status, headers } = await post({ ...cookieOf(alice), origin })
      expect([status, headers.get('access-control-allow-origin')]).toEqual([200, origin])
    })

    it('refuses nobody, a session that has ended, and a browser’s token as bearer', async () => {
      const refused = { status: 401, body: { error: 'UNAUTHENTICATED' } }
      expect(await post({})).toMatchObject(refused)
      expect(await post({ authorization: `Bearer ${alice.token}` })).toMatchObject(refused)
      await atgate.stores.database.prisma.session.delete({ where: { id: alice.session.id } })
      expect(await post(cookieOf(alice))).toMatchObject(refused)
    })
  })

  describe('GET /auth/jwks.json', () => {
    it('has the public keys alone, for five minutes, and is not sent again to whom has them', async () => {
      const response = await fetch(`${atgate.url}/auth/jwks.json`)
      expect(response.headers.get('cache-control')).toBe('public, max-age=300')
      const { keys } = (await response.json()) as JSONWebKeySet
      expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']])
      const headers = { 'if-none-match': String(response.headers.get('etag')) }
      const again = await fetch(`${atgate.url}/auth/jwks.json`, { headers })
      expect([again.status, await again.text()]).toEqual([304, ''])
    })

    it('has no key of the OAuth client', async () => {
      const client = await (await fetch(`${atgate.url}/.well-known/jwks.json`)).json()
      expect(client).toEqual({ keys: [] })
    })
  })

  it('stand in X-Auth-Token for the first audience, or for the one of the query', async () => {
    const headers = { cookie: `atgate=${alice.token}` }
    const audienceOf = async (query: string) => {
      const response = await fetch(`${atgate.url}/auth/verify${query}`, { headers })
      return decodeJwt(String(response.headers.get('x-auth-token'))).aud
    }
    expect(await audienceOf('')).toBe(API)
    expect(await audienceOf('?audience=https%3A%2F%2Fother.example.com')).toBe('https://other.example.com')
  })

  it('tell a service in Fastify who calls it, as docs/identity-tokens.md shows it', async () => {
    const service = createService({ gateway: atgate.url, audience: API })
    const call = (headers: Record<string, string>) => service.inject({ url: '/whoami', headers })
    const token = await tokenOf()
    const identity = {
      did: didOf('alice.test'),
      handle: 'alice.test',
      sessionId: alice.session.id,
      scopes: ['atproto', 'transition:generic'],
    }
    expect((await call({ authorization: `Bearer ${token}` })).json()).toEqual(identity)
    expect((await call({ 'x-auth-token': token })).json()).toEqual(identity)
    const others = [{}, { 'x-auth-did': didOf('alice.test') }, { authorization: `Bearer ${alice.token}` }]
    for (const headers of others) expect((await call(headers)).statusCode).toBe(401)
    await service.close()
  })

  async function verifyByGo(token: string, audience: string) {
    if (goVerifier === null) throw new Error('Go or go-oidc is not installed')
    return goVerifier.verify(token, { gateway: atgate.url, audience })
  }

  type Verify = (token: string, audience: string) => Promise<Record<string, unknown> | null>

  // By libraries that know nothing of each other: jose, Authlib in Python, and go-oidc.
  describe.each<[library: string, verify: Verify, isThere: boolean]>([
    [
      'jose, as docs/identity-tokens.md shows it',
      async (token, audience) => {
        const claims = await createIdentityVerifier({ gateway: atgate.url, audience })(token).catch(() => null)
        return claims && { sub: claims.did, handle: claims.handle, sid: claims.sessionId }
      },
      true,
    ],
    [
      'Authlib, as docs/identity-tokens.md shows it',
      (token, audience) => verifyByAuthlib(token, { gateway: atgate.url, audience }),
      authlib,
    ],
    ...(isFull
      ? [
          ['go-oidc, as docs/identity-tokens.md shows it', verifyByGo, goVerifier !== null] satisfies [
            string,
            Verify,
            boolean,
          ],
        ]
      : []),
  ])('are verified by %s:', (_library, verify, isThere) => {
    const whenThere = it.skipIf(!isThere && process.env.CI === undefined)

    whenThere('theirs, and as often as they are shown within their minute', async () => {
      const token = await tokenOf()
      const expected = { sub: didOf('alice.test'), handle: 'alice.test', sid: alice.session.id }
      expect(await verify(token, API)).toMatchObject(expected)
      expect(await verify(token, API)).toMatchObject(expected)
    })

    whenThere('not those of another service', async () => {
      expect(await verify(await tokenOf('https://other.example.com'), API)).toBeNull()
    })

    whenThere('not one that was altered, has another type, or was signed by somebody else', async () => {
      const [head = '', body = '', signature = ''] = (await tokenOf()).split('.')
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
      const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'did:web:evil.test' })).toString('base64url')
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
      const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'atgate-id+jwt', kid })).toString('base64url')
      const { keys } = await fetchJwks()
      const secret = new TextEncoder().encode(JSON.stringify(keys[0]))
      const byPublicKey = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'atgate-id+jwt', kid })
      for (const forged of [
        `${head}.${changed}.${signature}`,
        `${unsigned}.${body}.`,
        await byPublicKey.sign(secret),
        'nonsense',
      ]) {
        expect(await verify(forged, API)).toBeNull()
      }
    })

    whenThere('not one that has ended', async () => {
      const { stores, runtime } = atgate.gateway
      const { privateKey, kid } = await createIdentityKeys({ ...stores, ...runtime }).signing()
      const { exp: _exp, iat: _iat, ...claims } = decodeJwt(await tokenOf())
      const endingAt = (seconds: number) =>
        new SignJWT({ ...claims, iat: seconds - 60, exp: seconds })
          .setProtectedHeader({ alg: 'ES256', typ: 'atgate-id+jwt', kid })
          .sign(privateKey)
      const now = Math.floor(Date.now() / 1000)
      expect(await verify(await endingAt(now - 10), API)).toBeNull()
      expect(await verify(await endingAt(now + 30), API)).not.toBeNull()
    })
  })

  it('bear clocks that differ by as much as a service allows, and no more', async () => {
    const token = await tokenOf()
    const keys = createLocalJWKSet(await fetchJwks())
    const endsAt = Number(decodeJwt(token).exp)
    const verifyAt = (seconds: number) =>
      jwtVerify(token, keys, { audience: API, clockTolerance: 5, currentDate: new Date(seconds * 1000) })
    await verifyAt(endsAt + 4)
    // A service whose clock is behind sees a token from the future.
    await verifyAt(endsAt - 120)
    await expect(verifyAt(endsAt + 5)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
  })

  describe('and their keys, on replicas', () => {
    let stores: Stores
    let replicas: [TestGateway, Awaited<ReturnType<TestGateway['startReplica']>>]

    beforeAll(async () => {
      stores = await openStores()
      await stores.database.prisma.identityKey.deleteMany()
      const first = await startGateway({ TOKEN_AUDIENCES: API }, stores)
      replicas = [first, await first.startReplica()]
    })
    afterAll(async () => {
      await replicas[1].close()
      await replicas[0].close()
    })

    const keysOf = () => {
      const { gateway } = replicas[0]
      return createIdentityKeys({ ...gateway.stores, ...gateway.runtime })
    }
    const now = () => stores.clock()
    const issue = async (url: string) => {
      const { token } = await aSession({ db: stores.database.prisma, now: now() })
      const { body } = await post({ cookie: `atgate=${token}`, origin: replicas[0].url }, {}, url)
      return String(body.token)
    }
    /** Verifies as a service does that has kept a key set. */
    const verify = (token: string, jwks: JSONWebKeySet) =>
      jwtVerify(token, createLocalJWKSet(jwks), {
        issuer: replicas[0].url,
        audience: API,
        currentDate: new Date(now()),
      })

    it('are the same ones, though all start at once', async () => {
      await stores.database.prisma.identityKey.deleteMany()
      const starting = Array.from({ length: 8 }, keysOf)
      await Promise.all(starting.map((keys) => keys.maintain()))
      expect(await stores.database.prisma.identityKey.count()).toBe(1)
      await stores.advance(MINUTE)
      const [first] = await Promise.all(starting.map((keys) => keys.published()))
      for (const { url } of replicas) expect((await fetchJwks(url)).keys).toEqual(first)
    })

    it('are rotated without any service noticing, also one that keeps keys as long as it may', async () => {
      await stores.advance(30 * DAY)
      await keysOf().maintain()
      let kept = await fetchJwks(replicas[1].url)
      let keptAt = now()
      const seen = new Set<string>()
      for (let minute = 0; minute < 30; minute++) {
        await stores.advance(MINUTE)
        if (minute % 7 === 0) await keysOf().maintain()
        if (now() - keptAt >= 5 * MINUTE) {
          kept = await fetchJwks(replicas[minute % 2]?.url)
          keptAt = now()
        }
        for (const { url } of replicas) {
          const { protectedHeader } = await verify(await issue(url), kept)
          seen.add(String(protectedHeader.kid))
        }
      }
      expect(seen.size).toBe(2)
      expect((await fetchJwks(replicas[0].url)).keys).toHaveLength(1)
    })

    it('are replaced at once where one has leaked: within a minute nobody accepts it', async () => {
      const token = await issue(replicas[0].url)
      await replaceKeys(replicas[0].gateway.stores, new Date(now()))
      await stores.advance(MINUTE)
      for (const { url } of replicas) {
        const jwks = await fetchJwks(url)
        await expect(verify(token, jwks)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
        await verify(await issue(url), jwks)
      }
    })
  })
})
