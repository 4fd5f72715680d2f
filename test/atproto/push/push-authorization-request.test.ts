import { type NodeOAuthClient, OAuthResponseError } from '@atproto/oauth-client-node'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientStores, OAuthClients } from '../../../src/atproto/client.ts'
import { type PushRequest, pushAuthorizationRequest } from '../../../src/atproto/push/push-authorization-request.ts'
import { createScopeRefusals } from '../../../src/atproto/push/scope-refusals.ts'
import { GatewayError } from '../../../src/platform/errors.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

const HOUR = 60 * 60 * 1000
const ENDPOINT = 'https://pds.example.com/authorize'

/** What a server answers to a push of these scopes: where to go, or why not. Real servers cannot be made to. */
type Answer = (scopes: string[]) => string | OAuthResponseError

let pushes: string[][]
let hosts: string[]
let pauses: number[]
let logLines: string[]
let clock: ReturnType<typeof createMovableClock>
let scopeRefusals: ReturnType<typeof createScopeRefusals>

beforeEach(() => {
  ;[pushes, hosts, pauses, logLines] = [[], [], [], []]
  clock = createMovableClock()
  scopeRefusals = createScopeRefusals(clock)
})

/** The library, as it is when the server answers so. */
function clientsOf(answer: Answer, allowsHttp: boolean): OAuthClients {
  const withStores = ({ stateStore }: Partial<ClientStores>) =>
    ({
      async authorize(_input: string, { scope }: { scope: string }) {
        const saved = { iss: 'https://pds.example.com', dpopJwk: { kty: 'EC' }, verifier: 'verifier' }
        await stateStore?.set(`state ${scope}`, saved as never)
        pushes.push(scope.split(' '))
        const answered = answer(scope.split(' '))
        if (answered instanceof Error) throw answered
        return new URL(answered)
      },
    }) as unknown as NodeOAuthClient
  return { allowsHttp, pushHost: (issuer) => `push.${new URL(issuer).host}`, withStores } as OAuthClients
}

function push(
  answer: Answer,
  { allowsHttp = false, ...request }: Partial<PushRequest> & { allowsHttp?: boolean } = {},
) {
  const logger = createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } })
  const pause = async (ms: number) => void pauses.push(ms)
  return pushAuthorizationRequest(
    { clients: clientsOf(answer, allowsHttp), scopeRefusals, logger, pause },
    {
      input: 'alice.test',
      scopes: ['atproto'],
      optionalScopes: [],
      needsOptional: false,
      prompt: null,
      beforePush: async (host) => void hosts.push(host),
      isAccountKnown: async () => true,
      ...request,
    },
  )
}

const refusal = (error: string, { status = 400, ...headers }: { status?: number } & Record<string, unknown> = {}) =>
  new OAuthResponseError(new Response('{}', { status, headers: headers as Record<string, string> }), {
    error,
    error_description: 'as the server says it',
  })

/** A server that refuses a push with one of these scopes. */
const without =
  (...unknown: string[]): Answer =>
  (scopes) =>
    scopes.some((scope) => unknown.includes(scope)) ? refusal('invalid_scope') : ENDPOINT

const logged = () => logLines.map((line) => JSON.parse(line))

describe('a push', () => {
  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'com.example.app:/authorize',
    'http://pds.example.com/authorize',
    'https://user@pds.example.com/authorize',
    'https://good.example:secret@evil.example/authorize',
  ])('sends no browser to %s', async (endpoint) => {
    await expect(push(() => endpoint)).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
  })

  it('sends browsers to a web page, on http in the sandbox only', async () => {
    expect((await push(() => ENDPOINT)).authUrl).toBe(ENDPOINT)
    const local = 'http://localhost:2583/authorize'
    expect((await push(() => local, { allowsHttp: true })).authUrl).toBe(local)
  })

  it('tells the host before, and passes a refusal on', async () => {
    const tooMany = new GatewayError('RATE_LIMITED', 'Too many.', { retryAfter: 1 })
    const beforePush = async (host: string) => {
      hosts.push(host)
      throw tooMany
    }
    await expect(push(() => ENDPOINT, { beforePush })).rejects.toBe(tooMany)
    expect(hosts).toEqual(['push.pds.example.com'])
    expect(pushes).toEqual([])
  })

  it('asks for the scopes once each, in normal form', async () => {
    await push(() => ENDPOINT, { scopes: ['atproto', 'repo?collection=a.b.c'], optionalScopes: ['repo:a.b.c', 'x'] })
    expect(pushes).toEqual([['atproto', 'repo:a.b.c', 'x']])
  })
})

describe('optional scopes', () => {
  it('that the server refuses are left out, and only they', async () => {
    const optionalScopes = ['a', 'b', 'c', 'd', 'e']
    const pushed = await push(without('d'), { optionalScopes })
    expect(pushed.optionalScopes).toEqual(['a', 'b', 'c', 'e'])
    expect(pushed.request.state).toBe('state atproto a b c e')
    expect(hosts).toHaveLength(pushes.length)
    expect(logged()).toMatchObject([{ scopes: ['d'], msg: 'optional scopes refused by the server' }])
  })

  it('that are all refused do not keep anybody from signing in', async () => {
    const { optionalScopes, request } = await push(without('a'), { optionalScopes: ['a'] })
    expect(optionalScopes).toEqual([])
    expect(request.state).toBe('state atproto')
    expect(pushes).toEqual([['atproto', 'a'], ['atproto']])
  })

  it('that are refused are remembered for an hour, for this server', async () => {
    await push(without('a'), { optionalScopes: ['a', 'b'] })
    pushes = []
    expect((await push(without('a'), { optionalScopes: ['a', 'b'] })).optionalScopes).toEqual(['b'])
    expect(pushes).toEqual([['atproto', 'b']])
    expect(scopeRefusals.known('https://other.example.com', ['a'])).toEqual([])
    clock.advance(HOUR)
    expect((await push(() => ENDPOINT, { optionalScopes: ['a', 'b'] })).optionalScopes).toEqual(['a', 'b'])
  })

  it('for which alone the flow is are asked for each time, and taken off the list once they are granted', async () => {
    const upgrade = { optionalScopes: ['a'], needsOptional: true }
    await expect(push(without('a'), upgrade)).rejects.toMatchObject({ code: 'PDS_REFUSED', reason: 'SCOPE_REFUSED' })
    expect(scopeRefusals.known('https://pds.example.com', ['a'])).toEqual(['a'])
    expect((await push(() => ENDPOINT, upgrade)).optionalScopes).toEqual(['a'])
    expect(scopeRefusals.known('https://pds.example.com', ['a'])).toEqual([])
  })

  it('are not blamed for a required one', async () => {
    await expect(push(without('atproto'), { optionalScopes: ['a', 'b'] })).rejects.toMatchObject({
      code: 'PDS_REFUSED',
      reason: 'SCOPE_REFUSED',
      message: expect.stringContaining('atproto'),
    })
    expect(pushes).toHaveLength(2)
    expect(scopeRefusals.known('https://pds.example.com', ['a', 'b'])).toEqual([])
  })

  it('cost a bounded number of pushes, however many of them are refused', async () => {
    const optionalScopes = Array.from({ length: 40 }, (_, index) => `scope-${index}`)
    const pushed = await push(without(...optionalScopes.filter((_, index) => index % 3 === 0)), { optionalScopes })
    expect(pushes.length).toBeLessThanOrEqual(8)
    expect(pushed.request.state).toBe(['state atproto', ...pushed.optionalScopes].join(' '))
  })
})

describe('a refusal', () => {
  it.each([
    ['of the client', 'invalid_client_metadata', {}, 'PDS_REFUSED', 'CLIENT_REFUSED'],
    ['of its key', 'invalid_client', {}, 'PDS_REFUSED', 'CLIENT_REFUSED'],
    ['of anything else', 'invalid_request', {}, 'PDS_REFUSED', undefined],
    ['for a broken server', 'server_error', { status: 500 }, 'PDS_UNAVAILABLE', undefined],
  ])('%s is told apart', async (_title, error, headers, code, reason) => {
    await expect(push(() => refusal(error, headers))).rejects.toMatchObject({ code, reason })
    expect(pushes).toHaveLength(1)
  })

  it.each(['invalid_dpop_proof', 'invalid_client'])('%s by another clock is told to both', async (error) => {
    const date = new Date(Date.now() + 7 * 60_000).toUTCString()
    await expect(push(() => refusal(error, { date }))).rejects.toMatchObject({
      code: 'PDS_REFUSED',
      reason: 'CLOCK_OFF',
      message: expect.stringContaining('7 min apart'),
    })
    expect(logged()).toMatchObject([{ level: 50, error, reason: 'as the server says it' }])
    expect(logged()[0].seconds).toBeGreaterThan(410)
  })

  it('of the client is an error for the operator, with the reason; the person is not told it', async () => {
    const refused = await push(() => refusal('invalid_client_metadata')).catch((error: GatewayError) => error)
    expect(logged()).toMatchObject([
      { level: 50, error: 'invalid_client_metadata', reason: 'as the server says it', account: 'alice.test' },
    ])
    expect((refused as GatewayError).message).not.toContain('as the server says it')
  })

  it('for an account that is not there says so', async () => {
    const isAccountKnown = async () => false
    await expect(push(() => refusal('invalid_request'), { isAccountKnown })).rejects.toMatchObject({
      code: 'PDS_REFUSED',
      reason: 'ACCOUNT_UNKNOWN',
    })
  })
})

describe('a busy server', () => {
  it.each([
    ['429', refusal('slow_down', { status: 429, 'retry-after': '2' }), 2000],
    ['503', refusal('', { status: 503 }), 500],
    ['its word', refusal('temporarily_unavailable'), 500],
  ])('is asked once more: %s', async (_title, busy, pause) => {
    const answers = [busy, ENDPOINT]
    expect((await push(() => answers.shift() ?? '')).authUrl).toBe(ENDPOINT)
    expect(pauses).toEqual([pause])
    expect(hosts).toHaveLength(2)
  })

  it('that stays busy is told, with the seconds to wait', async () => {
    await expect(push(() => refusal('slow_down', { status: 429, 'retry-after': '90' }))).rejects.toMatchObject({
      code: 'PDS_UNAVAILABLE',
      retryAfter: 90,
    })
    await expect(push(() => refusal('', { status: 503 }))).rejects.toMatchObject({
      code: 'PDS_UNAVAILABLE',
      retryAfter: 30,
    })
    expect(pauses).toEqual([500])
  })
})
