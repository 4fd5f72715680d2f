import { setTimeout } from 'node:timers/promises'
import { request } from 'undici'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { aSession, type BuiltSession, didOf } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { describeGateway } from '../support/suite.ts'

/** The second path is the first in other letters, which only Fastify's router knows. */
const [SHORT, WHOLE] = ['/auth/verify', '/auth/%76erify']
/** Without an origin they say nothing, and only Fastify sends them. */
const OF_CORS = /^(vary|access-control-.*)$/
const ID = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'

type Who = 'alice' | 'bob' | 'sdk' | 'developer'

describeGateway('a request to verify', () => {
  let atgate: TestGateway
  let built: Record<Who, BuiltSession>

  beforeAll(async () => {
    atgate = await startGateway({
      CORS_ORIGINS: 'http://127.0.0.1:8081',
      SERVICE_ORIGINS: 'http://127.0.0.1:8080',
      TOKEN_AUDIENCES: 'https://api.example.com',
      TRUST_PROXY: '127.0.0.1',
    })
    const parts = { db: atgate.stores.database.prisma, now: atgate.stores.clock() }
    const alice = await aSession(parts, { handle: 'alice.test', grant: { scope: 'atproto repo:app.example.note' } })
    built = {
      alice,
      bob: await aSession(parts, { handle: 'bob.test', groupId: alice.session.groupId }),
      sdk: await aSession(parts, { handle: 'carol.test', kind: 'SDK' }),
      developer: await aSession(parts, { handle: 'dan.test', kind: 'DEVELOPER_TOKEN' }),
    }
  })
  afterAll(() => atgate.close())

  const cookie = (who: Who) => ({ cookie: `theme=dark; atgate=${built[who].token}; other="a b"` })
  const bearer = (who: Who) => ({ authorization: `Bearer ${built[who].token}` })

  async function ask(path: string, query: string, headers: Record<string, string>) {
    const all = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7', ...headers }
    const response = await request(`${atgate.url}${path}${query}`, { headers: all })
    const body = await response.body.text()
    const { date: _, 'x-request-id': id, ...sent } = response.headers
    const compared = Object.entries(sent).filter(([name]) => !OF_CORS.test(name))
    const { time: _time, reqId, ms, ...log } = await requestLine(String(id))
    expect(reqId).toBe(id)
    return { status: response.statusCode, headers: Object.fromEntries(compared), body, log, ms }
  }

  /** What the log says of a request, once it does. */
  async function requestLine(id: string): Promise<Record<string, unknown>> {
    const find = () => atgate.logLines.find((line) => line.includes(id) && line.includes('"msg":"request"'))
    await expect.poll(find).toBeDefined()
    return JSON.parse(find() ?? '')
  }

  it.each<[what: string, status: number, query: string, headers: () => Record<string, string>]>([
    ['a cookie', 200, '', () => cookie('alice')],
    ['a bearer token', 200, '', () => bearer('sdk')],
    ['a developer token', 200, '', () => bearer('developer')],
    ['a named account', 200, '', () => ({ ...cookie('alice'), 'atgate-account': didOf('bob.test') })],
    ['an empty query', 200, '?', () => cookie('alice')],
    ['a scope', 200, '?scope=repo%3Aapp.example.note&scope=atproto', () => cookie('alice')],
    ['an audience', 200, '?audience=https://api.example.com', () => cookie('alice')],
    ['a redirect that is not needed', 200, '?redirect=1', () => cookie('alice')],
    ['an origin', 200, '', () => ({ ...cookie('alice'), origin: 'http://127.0.0.1:8081' })],
    ['nobody', 401, '', () => ({})],
    ['a wrong secret', 401, '', () => ({ cookie: `atgate=${built.alice.token.slice(0, -3)}abc` })],
    ['a redirect', 303, '?redirect=1', () => ({ 'sec-fetch-mode': 'navigate' })],
    ['a scope that is missing', 403, '?scope=account:email', () => cookie('alice')],
    ['an account that is not signed in', 403, '', () => ({ ...cookie('alice'), 'atgate-account': 'did:web:x.test' })],
    ['an unknown audience', 403, '?audience=https://evil.example', () => cookie('alice')],
    ['a mistake in the query', 403, '?redirect=maybe', () => cookie('alice')],
  ])('with %s is answered %i, and logged, the same by both ways', async (_what, status, query, headers) => {
    const short = await ask(SHORT, query, headers())
    expect(short.status).toBe(status)
    expect(short.log).toMatchObject({ route: '/auth/verify', status, ip: '203.0.113.7', method: 'GET' })
    expect(short).toEqual({ ...(await ask(WHOLE, query, headers())), ms: expect.any(Number) })
  })

  it.each([200, 401])('keeps the id that its proxy gave it, when it is answered %i', async (status) => {
    const headers: Record<string, string> = { 'x-request-id': ID, ...(status === 200 && cookie('alice')) }
    const response = await request(`${atgate.url}${SHORT}`, { headers })
    await response.body.dump()
    expect([response.statusCode, response.headers['x-request-id']]).toEqual([status, ID])
  })

  it('is logged with the time that it took until it was refused', async () => {
    const { failures } = atgate.gateway.runtime.limits
    using _ = vi.spyOn(failures, 'consume').mockImplementation(() => setTimeout(60))
    const unknown = { cookie: `atgate=${'0'.repeat(32)}.${'a'.repeat(43)}` }
    const { status, ms } = await ask(SHORT, '', unknown)
    expect(status).toBe(401)
    expect(ms).toBeGreaterThan(55)
  })
})
