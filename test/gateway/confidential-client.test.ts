import { afterAll, beforeAll, expect, it } from 'vitest'
import { CurrentUserDocument, DeveloperTokensDocument, ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import { type ConfidentialGateway, startConfidentialGateway } from '../support/confidential-gateway.ts'
import { createDeveloperToken, dataOf } from '../support/flows.ts'
import { getSession } from '../support/get-session.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

describeGateway('a confidential client', () => {
  let atgate: ConfidentialGateway

  beforeAll(async () => {
    atgate = await startConfidentialGateway()
  })
  afterAll(() => atgate.close())

  it('publishes its metadata, and the public halves of all its keys', async () => {
    const { publicUrl } = atgate
    const metadata = await (await fetch(`${atgate.url}/oauth-client-metadata.json`)).json()
    expect(metadata).toMatchObject({
      client_id: `${publicUrl}/oauth-client-metadata.json`,
      client_name: 'Test App',
      redirect_uris: [`${publicUrl}/auth/callback`],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      dpop_bound_access_tokens: true,
    })
    const { keys } = (await (await fetch(`${atgate.url}/.well-known/jwks.json`)).json()) as {
      keys: Record<string, unknown>[]
    }
    expect(keys.map((key) => [key.kid, key.crv, 'd' in key])).toEqual([
      ['new', 'P-256', false],
      ['old', 'P-256', false],
    ])
  })

  it('signs in with its first key, with __Host- cookies and a grant of two years from then, and refreshes', async () => {
    const { publicUrl } = atgate
    // Cookies marked Secure need an https address to be kept for; the requests themselves go past the TLS front.
    const browser = createHttpBrowser(atgate.url, publicUrl)
    const callback = await authorize(browser, 'alice.test')
    expect(new URL(callback).origin).toBe(publicUrl)
    const destination = await followCallback(browser, callback)
    const exchangeToken = destination.searchParams.get('exchange_token') ?? ''
    const { response, data } = await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-atgate=[^;]+; Max-Age=34560000; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ])
    expect((await browser.graphql(CurrentUserDocument)).data?.currentUser?.handle).toBe('alice.test')

    const row = await atgate.gateway.stores.db.session.findUniqueOrThrow({
      where: { id: data?.exchangeToken.session.id ?? '' },
      include: { grant: true },
    })
    // As long as the reference server honours a grant of a confidential client in all.
    expect((row.grant.expiresAt.getTime() - Date.now()) / DAY).toBeCloseTo(730, 1)
    const held = await atgate.gateway.atproto.grants.hold(row.grantId)
    expect(held.grant.authMethod).toEqual({ method: 'private_key_jwt', kid: 'new' })
    await ageGrant(atgate.gateway.stores.db, row.grantId, 2 * HOUR)
    expect((await getSession(atgate.gateway, row.grantId)).status).toBe(200)
    // Refreshing it does not make it last longer.
    const { expiresAt } = await atgate.gateway.stores.db.grant.findUniqueOrThrow({ where: { id: row.grantId } })
    expect(expiresAt).toEqual(row.grant.expiresAt)

    // So a developer token may last a year, and its list says so.
    const token = await createDeveloperToken(browser, { as: 'alice.test', expiresInDays: 365 })
    const listed = dataOf(await browser.graphql(DeveloperTokensDocument)).developerTokens
    expect(token).toContain(listed[0]?.id)
    expect((Date.parse(listed[0]?.expiresAt ?? '') - Date.now()) / DAY).toBeCloseTo(365, 1)
    expect(listed[0]?.needsReauthentication).toBe(false)
  })
})
