import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createOAuthClients } from '../../src/atproto/client.ts'
import type { Grant } from '../../src/atproto/grants/grant.ts'
import {
  createRefreshRequest,
  IssuerMoved,
  RefreshRefused,
  type RefreshRequest,
} from '../../src/atproto/grants/refresh-request.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { openGrant } from '../support/grants.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const HOUR = 60 * 60 * 1000

describeGateway('the request that refreshes a grant, at a PDS', () => {
  let atgate: TestGateway
  let request: RefreshRequest
  let grant: Grant
  let marks: number

  beforeAll(async () => {
    atgate = await startGateway()
    request = createRefreshRequest(atgate.gateway.atproto.clients)
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    marks = 0
    const { session } = await signIn(createHttpBrowser(atgate.url), 'alice.test')
    const where = { id: session.id }
    const { grantId } = await atgate.stores.database.prisma.session.findUniqueOrThrow({ where })
    grant = await openGrant(atgate.gateway, grantId)
  })

  const mark = async () => void marks++
  /** The requests of a process that has just started: it knows no nonce of the PDS. */
  const justStarted = async () =>
    createRefreshRequest(await createOAuthClients(atgate.gateway.config, atgate.gateway.atproto.identities.resolver))
  const withTokenSet = (change: Partial<Grant['tokenSet']>): Grant => ({
    ...grant,
    tokenSet: { ...grant.tokenSet, ...change },
  })

  it('brings the next token set, of the same account and key', async () => {
    const prepared = await request.prepare(grant)
    expect(marks).toBe(0)
    const next = await prepared.send(mark)
    expect(marks).toBeGreaterThan(0)
    const { access_token, refresh_token, expires_at, ...same } = next.tokenSet
    const { access_token: _access, refresh_token: _refresh, expires_at: _end, ...before } = grant.tokenSet
    expect({ ...next, tokenSet: same }).toEqual({ ...grant, tokenSet: before })
    expect([access_token, refresh_token]).not.toContain(grant.tokenSet.access_token)
    expect(Date.parse(expires_at ?? '') - Date.now()).toBeGreaterThan(HOUR - 10_000)
    // And the one after that, with the new refresh token.
    await (await request.prepare(next)).send(mark)
  })

  it('is marked again before it is repeated for a nonce', async () => {
    await (await (await justStarted()).prepare(grant)).send(mark)
    expect(marks).toBe(2)
  })

  it('is not sent when the mark fails, at first or before it is repeated, and the failure is told as it is', async () => {
    const refusal = new Error('the lease has ended')
    await expect((await request.prepare(grant)).send(() => Promise.reject(refusal))).rejects.toBe(refusal)

    const prepared = await (await justStarted()).prepare(grant)
    const second = async () => {
      if (++marks === 2) throw refusal
    }
    await expect(prepared.send(second)).rejects.toBe(refusal)
    // Neither has used the refresh token up.
    await (await request.prepare(grant)).send(mark)
  })

  it('is refused for a refresh token that was used before', async () => {
    await (await request.prepare(grant)).send(mark)
    await expect((await request.prepare(grant)).send(mark)).rejects.toThrow(RefreshRefused)
  })

  it('is not sent to an issuer that is no longer the authority over the account', async () => {
    const elsewhere = withTokenSet({ iss: `http://localhost:${await freePort()}` })
    await expect(request.prepare(elsewhere)).rejects.toThrow(IssuerMoved)
  })

  it('is not sent when the account cannot be resolved', async () => {
    const unknown = withTokenSet({ sub: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' })
    await expect(request.prepare(unknown)).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
  })
})
