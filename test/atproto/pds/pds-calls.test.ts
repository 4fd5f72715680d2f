import { describe, expect, it, vi } from 'vitest'
import { createPdsCalls } from '../../../src/atproto/pds/pds-calls.ts'
import { aCall, aHeldGrant, claimsOf, scriptedUpstreams } from '../../support/pds-calls.ts'

const NONCE_WANTED = { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }
const TOKEN_REFUSED = { status: 401, headers: { 'www-authenticate': 'DPoP error="invalid_token"' } }

const wantsNonce = (nonce: string) => ({ status: 401, headers: { ...NONCE_WANTED, 'dpop-nonce': nonce } })
async function* chunks() {
  yield Buffer.from('chunk')
}
const passing = () => aCall({ method: 'POST', body: { kind: 'passing', chunks: chunks() } })

const nothingNewer = async () => null

describe('a call', () => {
  it('carries the access token and a proof of it', async () => {
    const upstreams = scriptedUpstreams({ status: 200 })
    const held = await aHeldGrant({ access_token: 'the token' })
    await createPdsCalls({ upstreams }).send(
      { held, replaceRefused: nothingNewer },
      aCall({ headers: { accept: 'x' } }),
    )
    const [request] = upstreams.requests
    expect(request?.headers).toMatchObject({ accept: 'x', authorization: 'DPoP the token' })
    expect(claimsOf(request)).toMatchObject({ htm: 'GET', htu: 'https://pds.test/xrpc/a.b.c' })
    expect(request?.path).toBe('/xrpc/a.b.c?d=e')
  })

  it('takes the nonce of the last answer of that server', async () => {
    const upstreams = scriptedUpstreams(
      { status: 200, headers: { 'dpop-nonce': 'n1' } },
      { status: 200 },
      { status: 200 },
    )
    const pds = createPdsCalls({ upstreams })
    const grant = { held: await aHeldGrant(), replaceRefused: nothingNewer }
    await pds.send(grant, aCall())
    await pds.send(grant, aCall())
    await pds.send(grant, aCall({ origin: 'https://other.test' }))
    expect(upstreams.requests.map((request) => claimsOf(request).nonce)).toEqual([undefined, 'n1', undefined])
  })

  it('is repeated with the nonce that the server asks for, twice', async () => {
    const upstreams = scriptedUpstreams(wantsNonce('n1'), wantsNonce('n2'), { status: 200 })
    const pds = createPdsCalls({ upstreams })
    const body = { kind: 'kept', bytes: Buffer.from('{}') } as const
    const grant = { held: await aHeldGrant(), replaceRefused: nothingNewer }
    expect((await pds.send(grant, aCall({ method: 'POST', body }))).statusCode).toBe(200)
    expect(upstreams.requests.map((request) => [claimsOf(request).nonce, String(request.body)])).toEqual([
      [undefined, '{}'],
      ['n1', '{}'],
      ['n2', '{}'],
    ])
  })

  it('is given up when the server is never content with a nonce', async () => {
    const upstreams = scriptedUpstreams(...['1', '2', '3', '4'].map(wantsNonce))
    const held = await aHeldGrant()
    const sending = createPdsCalls({ upstreams }).send({ held, replaceRefused: nothingNewer }, aCall())
    await expect(sending).rejects.toMatchObject({ code: 'RETRY' })
    expect(upstreams.requests).toHaveLength(3)
  })

  it('is repeated once with what replaces a refused access token', async () => {
    const upstreams = scriptedUpstreams(TOKEN_REFUSED, TOKEN_REFUSED)
    const [held, newer] = [await aHeldGrant(), await aHeldGrant({ generation: 1n, access_token: 'newer' })]
    const replaceRefused = vi.fn(async () => newer)
    const response = await createPdsCalls({ upstreams }).send({ held, replaceRefused }, aCall())
    expect(response.statusCode).toBe(401)
    expect(replaceRefused.mock.calls).toEqual([[held]])
    expect(upstreams.requests.map(({ headers }) => headers.authorization)).toEqual(['DPoP access-token', 'DPoP newer'])
  })

  it('is answered by the refusal when there is nothing newer', async () => {
    const upstreams = scriptedUpstreams(TOKEN_REFUSED)
    const response = await createPdsCalls({ upstreams }).send(
      { held: await aHeldGrant(), replaceRefused: nothingNewer },
      aCall(),
    )
    expect(response.statusCode).toBe(401)
  })
})

describe('a call whose body passes through', () => {
  it('is preceded by a request for a nonce, unless there is a fresh one', async () => {
    const upstreams = scriptedUpstreams(
      { status: 401, headers: { 'dpop-nonce': 'n1' } },
      { status: 200 },
      { status: 200 },
    )
    const pds = createPdsCalls({ upstreams })
    const grant = { held: await aHeldGrant({ access_token: 'the token' }), replaceRefused: nothingNewer }
    await pds.send(grant, passing())
    await pds.send(grant, passing())
    expect(upstreams.requests.map(({ method, body }) => [method, body === null])).toEqual([
      ['GET', true],
      ['POST', false],
      ['POST', false],
    ])
    // The request for a nonce tells nothing of the grant.
    expect(JSON.stringify(upstreams.requests[0]?.headers)).not.toContain('the token')
    expect(claimsOf(upstreams.requests[1]).nonce).toBe('n1')
  })

  it('goes with another token where the access token nearly ends', async () => {
    const upstreams = scriptedUpstreams({ status: 401, headers: { 'dpop-nonce': 'n1' } }, { status: 200 })
    const held = await aHeldGrant({ expires_at: new Date(Date.now() + 50_000).toISOString() })
    const newer = await aHeldGrant({ generation: 1n, access_token: 'newer' })
    await createPdsCalls({ upstreams }).send({ held, replaceRefused: async () => newer }, passing())
    expect(upstreams.requests[1]?.headers.authorization).toBe('DPoP newer')
  })

  it.each([
    ['another nonce', wantsNonce('n2')],
    ['another token', TOKEN_REFUSED],
  ])('has to be sent again by the client when the server wants %s', async (_what, refusal) => {
    const upstreams = scriptedUpstreams({ status: 401, headers: { 'dpop-nonce': 'n1' } }, refusal)
    const newer = await aHeldGrant({ generation: 1n })
    const grant = { held: await aHeldGrant(), replaceRefused: async () => newer }
    await expect(createPdsCalls({ upstreams }).send(grant, passing())).rejects.toMatchObject({
      code: 'RETRY',
      status: 503,
      retryAfter: 1,
    })
    expect(upstreams.requests).toHaveLength(2)
  })
})
