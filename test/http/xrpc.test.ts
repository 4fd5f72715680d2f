import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { type Dispatcher, request } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CONNECTION_LIMITS } from '../../src/http/connections.ts'
import { type FakePds, okay, signInAt, startFakePds } from '../support/fake-pds.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { openStores, type Stores } from '../support/stores.ts'
import { eventually } from '../support/tables.ts'

const AUDIENCE = 'did:web:video.example'
const METHOD = '/xrpc/com.example.get'
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

let stores: Stores
let atgate: TestGateway
let pds: FakePds
let cookie: string
let bearer: string

beforeAll(async () => {
  stores = await openStores()
  atgate = await startGateway({ SERVICE_AUTH_AUDIENCES: AUDIENCE, CORS_ORIGINS: 'https://app.example' }, stores)
  pds = await startFakePds()
  cookie = `atgate=${(await signInAt(atgate.gateway, pds)).token}`
  bearer = `Bearer ${(await signInAt(atgate.gateway, pds, { kind: 'SDK' })).token}`
})
afterAll(async () => {
  await pds.close()
  await atgate.stop()
  await stores.close()
})
beforeEach(() => {
  pds.answer(okay)
  pds.requests.length = 0
})

type Call = { method?: Dispatcher.HttpMethod; headers?: Record<string, string>; body?: string | Buffer }

async function call(path: string, { method = 'GET', headers = { authorization: bearer }, body }: Call = {}) {
  const response = await request(atgate.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
}

const codeOf = (answer: { text: string }) => (JSON.parse(answer.text) as { error: string }).error

describe('a call', () => {
  it('reaches the PDS of the account with a proof, and its query byte for byte', async () => {
    const query = '?a=1+2&b=%2e%2E/..&a=%zz&c=~\'()"<>|?#x'
    const answer = await rawCall(`GET ${METHOD}${query} HTTP/1.1`, [`authorization: ${bearer}`, 'connection: close'])
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    const [seen] = pds.requests
    expect([seen?.method, seen?.url]).toEqual(['GET', METHOD + query])
    expect(seen?.headers).toMatchObject({ authorization: 'DPoP access-token', dpop: expect.stringMatching(/^ey/) })
  })

  it.each(['GET', 'HEAD', 'POST'] as const)('by %s is that at the PDS', async (method) => {
    pds.answer((_request, response) => response.writeHead(200, { 'content-length': '2' }).end('{}'))
    const answer = await call(METHOD, { method })
    expect([answer.status, answer.headers['content-length']]).toEqual([200, '2'])
    expect(pds.requests.map((seen) => seen.method)).toEqual([method])
  })

  it.each(['PUT', 'DELETE', 'PATCH'] as const)('by %s is none', async (method) => {
    expect((await call(METHOD, { method })).status).toBe(404)
    expect(pds.requests).toEqual([])
  })

  it('tells the PDS nothing of where it comes from', async () => {
    const headers = {
      authorization: bearer,
      cookie: 'secret=1',
      origin: 'https://app.example',
      referer: 'https://app.example/page',
      forwarded: 'for=192.0.2.1',
      'x-forwarded-for': '192.0.2.1',
      'atgate-account': pds.did,
      dpop: 'theirs',
      accept: 'application/json',
      'accept-language': 'de',
      'atproto-proxy': 'did:web:appview.example#view',
      'atproto-accept-labelers': 'did:web:labels.example',
    }
    await call(METHOD, { headers })
    const { host, connection, dpop, ...passed } = pds.requests[0]?.headers ?? {}
    expect(passed).toEqual({
      'user-agent': 'atgate',
      authorization: 'DPoP access-token',
      accept: 'application/json',
      'accept-language': 'de',
      'atproto-proxy': 'did:web:appview.example#view',
      'atproto-accept-labelers': 'did:web:labels.example',
    })
    expect(dpop).not.toBe('theirs')
  })

  it('passes no header on that its Connection header names', async () => {
    const answer = await rawCall(`GET ${METHOD} HTTP/1.1`, [
      `authorization: ${bearer}`,
      'atproto-proxy: did:web:appview.example#view',
      'connection: close, Atproto-Proxy',
    ])
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(pds.requests[0]?.headers).not.toHaveProperty('atproto-proxy')
  })

  it('passes a body on as it came', async () => {
    const received = bodyAtPds()
    const body = gzipSync('{"text":"hello"}')
    const headers = { authorization: bearer, 'content-type': 'application/json', 'content-encoding': 'gzip' }
    await call(METHOD, { method: 'POST', headers, body })
    expect(await received).toEqual(body)
    expect(pds.requests[0]?.headers).toMatchObject({
      'content-length': String(body.length),
      'content-encoding': 'gzip',
    })
  })

  it('with a content type that is none is refused', async () => {
    const headers = { authorization: bearer, 'content-type': 'not a type' }
    expect((await call(METHOD, { method: 'POST', headers, body: 'x' })).status).toBe(415)
    expect(pds.requests).toEqual([])
  })

  it.each([
    ['com.atproto.server.createSession'],
    ['com.atproto.server.refreshSession'],
    ['com.atproto.server.deleteSession'],
    ['com.atproto.server.createAccount'],
    ['com.atproto.server.createAppPassword'],
    ['com.atproto.admin.deleteAccount'],
    ['com.atproto.server.CREATESESSION'],
    ['COM.atproto.Server.createSession'],
    ['com.atproto.server%2EcreateSession'],
    ['com.atproto.server.GetServiceAuth'],
  ])('of %s is refused', async (method) => {
    const answer = await call(`/xrpc/${method}`, { method: 'POST' })
    expect([answer.status, codeOf(answer), answer.headers['atgate-error']]).toEqual([403, 'FORBIDDEN', 'FORBIDDEN'])
    expect(pds.requests).toEqual([])
  })

  it.each(['com.atproto.server.getSession', 'com.atproto.server.describeServer', 'com.atproto.server.getServiceAuth'])(
    'of %s is not',
    async (method) => {
      expect((await call(`/xrpc/${method}`)).status).toBe(200)
    },
  )

  it.each(['/xrpc/..%2fadmin', '/xrpc/com.example', '/xrpc/com.example.get%2fx', '/xrpc/com.example.get%3fx'])(
    'of %s is none',
    async (path) => {
      expect((await call(path)).status).toBe(400)
      expect(pds.requests).toEqual([])
    },
  )

  it('needs somebody', async () => {
    const answer = await call(METHOD, { headers: { authorization: 'Bearer nobody' } })
    expect([answer.status, codeOf(answer)]).toEqual([401, 'UNAUTHENTICATED'])
    expect(pds.requests).toEqual([])
  })
})

describe('by cookie', () => {
  const byCookie = (headers: Record<string, string>, path = METHOD, method: Dispatcher.HttpMethod = 'GET') =>
    call(path, { method, headers: { cookie, ...headers } })

  it.each([
    ['from an allowed origin', { origin: 'https://app.example' }],
    ['from the gateway’s own pages', SAME_ORIGIN],
    ['from an image of its own pages', { ...SAME_ORIGIN, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['from a client that names the account', {}],
  ])('is answered %s, reads and writes', async (_what, headers) => {
    const named = 'origin' in headers || 'sec-fetch-site' in headers ? {} : { 'atgate-account': pds.did }
    expect((await byCookie({ ...headers, ...named })).status).toBe(200)
    expect((await byCookie({ ...headers, ...named }, METHOD, 'POST')).status).toBe(200)
  })

  it.each<[string, Record<string, string>]>([
    ['without a word of where it comes from', {}],
    ['from another origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['from another origin that names the account', { origin: 'https://evil.example', 'atgate-account': 'x' }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling', { 'sec-fetch-site': 'same-site', 'atgate-account': 'x' }],
    ['from no origin', { origin: 'null' }],
    ['typed in', { 'sec-fetch-site': 'none' }],
    ['as a navigation', { ...SAME_ORIGIN, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }],
    ['as a navigation of an allowed origin', { origin: 'https://app.example', 'sec-fetch-mode': 'navigate' }],
    ['as a script', { ...SAME_ORIGIN, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }],
    ['as a worker', { ...SAME_ORIGIN, 'sec-fetch-dest': 'worker' }],
    ['as a frame', { ...SAME_ORIGIN, 'sec-fetch-dest': 'iframe' }],
  ])('is refused %s', async (_what, headers) => {
    expect((await byCookie(headers)).status).toBe(403)
    expect((await byCookie(headers, METHOD, 'POST')).status).toBe(403)
    expect(pds.requests).toEqual([])
  })

  it('acts as the account that it names, or not at all', async () => {
    const answer = await byCookie({ ...SAME_ORIGIN, 'atgate-account': 'did:web:other.example' })
    expect([answer.status, codeOf(answer)]).toEqual([409, 'ACCOUNT_CHANGED'])
    expect(pds.requests).toEqual([])
  })

  const SERVICE_AUTH = '/xrpc/com.atproto.server.getServiceAuth'
  const now = () => Math.floor(Date.now() / 1000)

  it.each([
    `?aud=${AUDIENCE}&lxm=com.example.upload`,
    `?lxm=com.example.upload&aud=${encodeURIComponent(AUDIENCE)}&exp=${now() + 30}`,
  ])('has a service token with %s', async (query) => {
    expect((await byCookie(SAME_ORIGIN, SERVICE_AUTH + query)).status).toBe(200)
  })

  it.each([
    ['no method', `?aud=${AUDIENCE}`],
    ['every method', `?aud=${AUDIENCE}&lxm=*`],
    ['no audience', '?lxm=com.example.upload'],
    ['another audience', '?aud=did:web:other.example&lxm=com.example.upload'],
    ['a service of the audience', `?aud=${AUDIENCE}%23other&lxm=com.example.upload`],
    ['two audiences', `?aud=${AUDIENCE}&aud=did:web:other.example&lxm=com.example.upload`],
    ['an hour', `?aud=${AUDIENCE}&lxm=com.example.upload&exp=${now() + 3600}`],
    ['no number', `?aud=${AUDIENCE}&lxm=com.example.upload&exp=1e99`],
    ['something else', `?aud=${AUDIENCE}&lxm=com.example.upload&aud[]=did:web:other.example`],
  ])('has none for %s', async (_what, query) => {
    const answer = await byCookie(SAME_ORIGIN, SERVICE_AUTH + query)
    expect([answer.status, codeOf(answer)]).toEqual([403, 'FORBIDDEN'])
    expect(pds.requests).toEqual([])
  })
})

describe('an answer', () => {
  it('passes with its status and its body, and says that it may be kept by nobody', async () => {
    pds.answer((_request, response) =>
      response
        .writeHead(403, { 'content-type': 'application/json', 'atproto-repo-rev': '3k', 'ratelimit-limit': '5' })
        .end('{"error":"ScopeMissingError","message":"Missing"}'),
    )
    const answer = await call(METHOD)
    expect([answer.status, answer.text]).toEqual([403, '{"error":"ScopeMissingError","message":"Missing"}'])
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'atproto-repo-rev': '3k',
      'ratelimit-limit': '5',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
    })
    expect(answer.headers).not.toHaveProperty('content-disposition')
    expect(answer.headers).not.toHaveProperty('atgate-error')
  })

  it('is streamed, not collected', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    pds.answer(async (_request, response) => {
      response.write('first')
      await promise
      response.end('second')
    })
    const { body } = await request(atgate.url + METHOD, { headers: { authorization: bearer } })
    const chunks = body[Symbol.asyncIterator]()
    expect(String((await chunks.next()).value)).toBe('first')
    resolve()
    expect(String((await chunks.next()).value)).toBe('second')
  })

  const breaksOff = (headers: Record<string, string>) =>
    pds.answer((_request, response) => {
      response.writeHead(200, headers).write('half', () => response.socket?.destroy())
    })

  it('that breaks off is broken off, with or without a length', async () => {
    for (const headers of [{}, { 'content-length': '100000' }]) {
      breaksOff(headers)
      const { body } = await request(atgate.url + METHOD, { headers: { authorization: bearer } })
      await expect(text(body)).rejects.toThrow()
    }
  })

  it('that breaks off although it is short is none', async () => {
    breaksOff({ 'content-length': '100' })
    const answer = await call(METHOD)
    expect([answer.status, codeOf(answer), answer.headers['retry-after']]).toEqual([502, 'PDS_UNAVAILABLE', '60'])
  })

  it.each([0, 16 * 1024, 16 * 1024 + 1, 1_000_000])('of %d bytes passes whole', async (length) => {
    const whole = 'x'.repeat(length)
    pds.answer((_request, response) => response.writeHead(200, { 'content-length': length }).end(whole))
    const answer = await call(METHOD)
    expect([answer.headers['content-length'], answer.text === whole]).toEqual([String(length), true])
  })

  it('that nobody waits for any more is not fetched', async () => {
    const left = Promise.withResolvers<void>()
    pds.answer((_request, response) => {
      response.write('first')
      response.on('close', left.resolve)
    })
    const controller = new AbortController()
    const { body } = await request(atgate.url + METHOD, {
      headers: { authorization: bearer },
      signal: controller.signal,
    })
    body.on('error', () => undefined)
    controller.abort()
    await left.promise
  })

  it('that has not begun is given up with its client', async () => {
    const left = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    pds.answer((_request, response) => {
      asked.resolve()
      response.on('close', left.resolve)
    })
    const controller = new AbortController()
    const answer = request(atgate.url + METHOD, { headers: { authorization: bearer }, signal: controller.signal })
    await asked.promise
    controller.abort()
    await expect(answer).rejects.toThrow()
    await left.promise
  })
})

describe('a PDS', () => {
  it('that closes the connection under a read is asked once more, and under a write is not', async () => {
    pds.answer((seen, response) => (pds.requests.length === 1 ? seen.socket.destroy() : okay(seen, response)))
    expect((await call(METHOD)).status).toBe(200)
    pds.requests.length = 0
    const answer = await call(METHOD, { method: 'POST', body: '{}' })
    expect([answer.status, codeOf(answer)]).toEqual([502, 'PDS_UNAVAILABLE'])
    expect(pds.requests).toHaveLength(1)
  })

  it('that asks once more for what cannot be sent again has the client do so', async () => {
    pds.answer((seen, response) => {
      const isNonce = seen.method === 'GET'
      const challenge = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': isNonce ? 'n1' : 'n2' }
      seen.resume().on('end', () => response.writeHead(401, challenge).end('{}'))
    })
    const { token } = await signInAt(atgate.gateway, pds, { kind: 'SDK' })
    const headers = { authorization: `Bearer ${token}` }
    const answer = await call(METHOD, { method: 'POST', headers, body: Buffer.alloc(2 * 1024 * 1024) })
    expect([answer.status, codeOf(answer), answer.headers['atgate-error']]).toEqual([503, 'RETRY', 'RETRY'])
    expect(answer.headers['retry-after']).toBe('1')
  })

  it('whose proxy answers for it is away', async () => {
    pds.answer((_request, response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>503'))
    const answer = await call(METHOD)
    expect([answer.status, codeOf(answer), answer.headers['retry-after']]).toEqual([502, 'PDS_UNAVAILABLE', '60'])
  })

  it('that answers an upload before it is complete is heard, and the upload ends', async () => {
    pds.answer((_request, response) =>
      response.writeHead(413, { 'content-type': 'application/json' }).end('{"error":"TooLarge"}'),
    )
    const body = Buffer.alloc(20 * 1024 * 1024)
    const answer = await call(METHOD, { method: 'POST', body })
    expect([answer.status, answer.text]).toEqual([413, '{"error":"TooLarge"}'])
  })
})

describe('a session', () => {
  it('whose grant is lost has to sign in again', async () => {
    const { token } = await signInAt(atgate.gateway, pds, { kind: 'SDK', grant: { state: 'lost' } })
    const answer = await call(METHOD, { headers: { authorization: `Bearer ${token}` } })
    expect([answer.status, codeOf(answer)]).toEqual([401, 'NEEDS_REAUTHENTICATION'])
    expect(pds.requests).toEqual([])
  })

  it('has 128 calls at once', async () => {
    const answers: (() => void)[] = []
    pds.answer((seen, response) => void answers.push(() => okay(seen, response)))
    const { token } = await signInAt(atgate.gateway, pds, { kind: 'SDK' })
    const headers = { authorization: `Bearer ${token}` }
    const calls = Array.from({ length: 128 }, () => call(METHOD, { headers }))
    await eventually(async () => answers.length === 128, 'all are there')
    const oneMore = await call(METHOD, { headers })
    expect([oneMore.status, codeOf(oneMore), oneMore.headers['retry-after']]).toEqual([429, 'RATE_LIMITED', '1'])
    // Others have theirs.
    pds.answer(okay)
    expect((await call(METHOD)).status).toBe(200)
    for (const answer of answers) answer()
    expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]))
    expect((await call(METHOD, { headers })).status).toBe(200)
  })

  it('is read in one statement at most, and its grant is not opened anew for each call', async () => {
    await call(METHOD)
    stores.statements.length = 0
    await call(METHOD)
    // None, if the session was read within a second.
    expect(stores.statements.length).toBeLessThanOrEqual(1)
    expect(stores.statements.filter((sql) => !sql.includes('"ClientToken"'))).toEqual([])
  })

  it('with a developer token reaches it, too', async () => {
    const { token } = await signInAt(atgate.gateway, pds, { kind: 'DEVELOPER_TOKEN' })
    expect((await call(METHOD, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
  })

  it('has its access token sent to the server where its account lives, and to no other', async () => {
    const other = await startFakePds()
    const { token } = await signInAt(atgate.gateway, pds, { kind: 'SDK', tokenSet: { aud: other.origin } })
    const answer = await call(METHOD, { headers: { authorization: `Bearer ${token}` } })
    await other.close()
    expect([answer.status, codeOf(answer)]).toEqual([502, 'PDS_UNAVAILABLE'])
    expect([...pds.requests, ...other.requests]).toEqual([])
  })
})

describe('a request that two servers could read in two ways', () => {
  const lines = () => [`authorization: ${bearer}`, 'content-type: application/json']

  it.each([
    ['a length and chunks', ['content-length: 5', 'transfer-encoding: chunked']],
    ['two lengths', ['content-length: 5', 'content-length: 6']],
    ['a length that is none', ['content-length: +5']],
    ['another coding after chunks', ['transfer-encoding: chunked, identity']],
    ['an unknown coding', ['transfer-encoding: xchunked']],
  ])('with %s is refused', async (_what, framing) => {
    const answer = await rawCall(`POST ${METHOD} HTTP/1.1`, [...lines(), ...framing], '0\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(pds.requests).toEqual([])
  })

  it('has one meaning at the PDS, however its chunks came', async () => {
    const received = bodyAtPds()
    const chunks = '4;extension="x"\r\nabcd\r\n0\r\ntrailer: x\r\n\r\n'
    const answer = await rawCall(
      `POST ${METHOD} HTTP/1.1`,
      [...lines(), 'transfer-encoding: chunked', 'connection: close'],
      chunks,
    )
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(String(await received)).toBe('abcd')
    expect(pds.requests[0]?.headers).toMatchObject({ 'content-length': '4' })
    expect(pds.requests[0]?.trailers).toEqual({})
  })

  it('and waits for 100 Continue has it', async () => {
    const received = bodyAtPds()
    const socket = connect(Number(new URL(atgate.url).port), '127.0.0.1')
    const head = [`POST ${METHOD} HTTP/1.1`, 'host: 127.0.0.1', ...lines(), 'content-length: 2', 'expect: 100-continue']
    socket.write(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(first.toString()).toMatch(/^HTTP\/1.1 100 /)
    socket.write('{}')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /)
    expect(String(await received)).toBe('{}')
    expect(pds.requests[0]?.headers).not.toHaveProperty('expect')
  })
})

describe('a slow client', () => {
  let short: TestGateway

  afterEach(() => short.stop())

  it('has longer for a body to a PDS than for one to the gateway', async () => {
    short = await startGateway({}, stores, { ...CONNECTION_LIMITS, request: 100, checks: 20 })
    const received = bodyAtPds()
    const socket = connect(Number(new URL(short.url).port), '127.0.0.1')
    socket.write(
      `POST ${METHOD} HTTP/1.1\r\nhost: x\r\nauthorization: ${bearer}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{`,
    )
    const other = connect(Number(new URL(short.url).port), '127.0.0.1')
    other.write('POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{')
    // By then the first one has taken as long.
    expect(await text(other)).toMatch(/^HTTP\/1.1 408 /)
    socket.write('}')
    expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /)
    expect(String(await received)).toBe('{}')
  })
})

/** What the PDS receives as the body of the next request. */
function bodyAtPds(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  pds.answer(async (seen, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of seen) chunks.push(chunk)
    resolve(Buffer.concat(chunks))
    okay(seen, response)
  })
  return promise
}

/** Sends bytes as they are, and gives the whole answer. */
async function rawCall(start: string, headers: string[], body = ''): Promise<string> {
  const socket = connect(Number(new URL(atgate.url).port), '127.0.0.1')
  socket.write(`${[start, 'host: 127.0.0.1', ...headers].join('\r\n')}\r\n\r\n${body}`)
  return text(socket)
}
