import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument, ExchangeTokenDocument, PdsOptionsDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds, signUpOnPds } from '../support/pds-pages.ts'
import { followCallback, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

describeGateway('account creation', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway({
      ACCOUNT_CREATION: 'on',
      PDS_OPTIONS: JSON.stringify([{ name: 'Sandbox', url: inject('pdsUrl'), recommended: true }]),
      NEW_ACCOUNT_PATH: '/welcome',
    })
  })
  afterAll(() => atgate.close())

  it('offers the configured hosts', async () => {
    const { data } = await createHttpBrowser(atgate.url).graphql(PdsOptionsDocument)
    expect(data?.pdsOptions).toEqual({
      enabled: true,
      options: [{ name: 'Sandbox', url: inject('pdsUrl'), recommended: true, description: null, infoUrl: null }],
    })
  })

  it('creates an account on the PDS through its own pages, and welcomes the newcomer', async () => {
    const browser = createHttpBrowser(atgate.url)
    const name = `new-${randomBytes(4).toString('hex')}`
    const account = { handle: `${name}.test`, email: `${name}@example.com`, password: 'a-long-enough-password' }
    const authUrl = await startSignIn(browser, { pds_url: inject('pdsUrl'), return_to: '/elsewhere' })
    const destination = await followCallback(browser, await signUpOnPds(authUrl, account))
    expect(destination.pathname).toBe('/welcome')
    const exchangeToken = destination.searchParams.get('exchange_token') ?? ''
    await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
    expect((await browser.graphql(CurrentUserDocument)).data?.currentUser?.handle).toBe(account.handle)
  })

  it('refuses a host that is not offered', async () => {
    const response = await createHttpBrowser(atgate.url).send('/auth/start?pds_url=https://pds.example.com', {
      headers: { accept: 'application/json' },
    })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: 'ACCOUNT_CREATION_DISABLED' })
  })

  it('takes any host only where the configuration says so', async () => {
    const liberal = await startGateway({ ACCOUNT_CREATION: 'on', ACCOUNT_CREATION_ANY_PDS: 'on' })
    const authUrl = await startSignIn(createHttpBrowser(liberal.url), { pds_url: inject('pdsUrl') })
    expect(new URL(authUrl).origin).toBe(inject('pdsUrl'))
    await liberal.close()
  })

  it('sends an account that is known already where it asked to go', async () => {
    for (const path of ['/welcome', '/elsewhere']) {
      const browser = createHttpBrowser(atgate.url)
      const authUrl = await startSignIn(browser, { handle: 'carol.test', return_to: '/elsewhere' })
      const callback = await authorizeOnPds(authUrl, { username: 'carol.test', password: SANDBOX_PASSWORD })
      expect((await followCallback(browser, callback)).pathname).toBe(path)
    }
  })
})
