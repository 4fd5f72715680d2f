import { hash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument, ExchangeTokenDocument, LogoutDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { followCallback, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const DEVICE = 'http://127.0.0.1:45678/done'

describeGateway('a client without cookies', () => {
  let atgate: TestGateway
  const verifier = randomBytes(32).toString('base64url')
  const challenge = hash('sha256', verifier, 'base64url')

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  /** The client starts; the user's browser, which knows nothing of it, does the rest. */
  async function returnedTo(returnTo: string): Promise<{ client: HttpBrowser; destination: URL }> {
    const client = createHttpBrowser(atgate.url)
    const authUrl = await startSignIn(client, {
      handle: 'alice.test',
      exchange_challenge: challenge,
      return_to: returnTo,
    })
    const callback = await authorizeOnPds(authUrl, { username: 'alice.test', password: SANDBOX_PASSWORD })
    return { client, destination: await followCallback(createHttpBrowser(atgate.url), callback) }
  }

  const exchange = (client: HttpBrowser, destination: URL, shown: string | null) =>
    client.graphql(ExchangeTokenDocument, {
      input: { exchangeToken: destination.searchParams.get('exchange_token') ?? '', verifier: shown },
    })

  it('gets its answer on a loopback address, and a bearer token for the verifier', async () => {
    const { client, destination } = await returnedTo(DEVICE)
    expect(destination.origin + destination.pathname).toBe(DEVICE)
    const { data, response } = await exchange(client, destination, verifier)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await client.jar.getCookies(atgate.url)).toEqual([])
    const token = data?.exchangeToken.sessionToken ?? ''
    expect(token).toMatch(/^[0-9a-f]{32}\.[\w-]{43}$/)
    expect(data?.exchangeToken.session).toMatchObject({ kind: 'SDK', isCurrent: true })

    const bearer = { authorization: `Bearer ${token}` }
    expect((await client.graphql(CurrentUserDocument, undefined, bearer)).data?.currentUser?.handle).toBe('alice.test')
    const loggedOut = await client.graphql(LogoutDocument, undefined, bearer)
    expect(loggedOut.data?.logout.switchedTo).toBeNull()
    expect(loggedOut.response.headers.getSetCookie()).toEqual([])
    expect((await client.graphql(CurrentUserDocument, undefined, bearer)).data).toEqual({ currentUser: null })
  })

  it.each([
    ['no verifier', null],
    ['a wrong verifier', randomBytes(32).toString('base64url')],
    ['the challenge as verifier', challenge],
  ])('gets nothing for %s, and the token is burnt', async (_what, shown) => {
    const { client, destination } = await returnedTo(DEVICE)
    for (const attempt of [shown, verifier]) {
      const { data, errors } = await exchange(client, destination, attempt)
      expect(data).toBeNull()
      expect(errors[0]?.extensions.code).toBe('EXCHANGE_TOKEN_INVALID')
    }
  })

  it('goes by its bearer token alone, whatever cookie comes with it', async () => {
    const { client, destination } = await returnedTo(DEVICE)
    const { data } = await exchange(client, destination, verifier)
    const token = data?.exchangeToken.sessionToken
    const seenWith = async (headers: Record<string, string>) =>
      (await client.graphql(CurrentUserDocument, undefined, headers)).data?.currentUser?.handle ?? null
    expect(await seenWith({ authorization: `Bearer ${token}`, cookie: 'atgate=nonsense' })).toBe('alice.test')
    expect(await seenWith({ authorization: 'Bearer nonsense', cookie: `atgate=${token}` })).toBeNull()
    expect(await seenWith({ cookie: `atgate=${token}` })).toBeNull()
  })
})
