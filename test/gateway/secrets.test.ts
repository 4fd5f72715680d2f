import { afterAll, beforeAll, expect, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import { CurrentUserDocument, ExchangeTokenDocument, LogoutDocument } from '../../web/generated/graphql.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorize, startSignIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'

const HOUR = 60 * 60 * 1000

describeGateway('secrets', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  /** Every table, as text; bytes also in the forms in which a secret could stand in them. */
  async function dumpTables(): Promise<string> {
    const { db } = atgate.gateway.stores
    const rows = await Promise.all([
      db.account.findMany(),
      db.session.findMany(),
      db.sessionGroup.findMany(),
      db.clientToken.findMany(),
      db.grant.findMany(),
      db.auditEvent.findMany(),
    ])
    return JSON.stringify(rows, (_key, value: unknown) => {
      if (typeof value === 'bigint') return String(value)
      if (!(value instanceof Uint8Array)) return value
      return [Buffer.from(value).toString('latin1'), Buffer.from(value).toString('hex')]
    })
  }

  it('stand in no table, key of the ephemeral store, log line, answer or redirect', async () => {
    const browser = createHttpBrowser(atgate.url)
    const answers: string[] = []
    const note = async (response: Response) => {
      const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
      answers.push(JSON.stringify(headers), await response.clone().text())
      return response
    }

    // A flow under way, whose DPoP key and PKCE verifier wait in the ephemeral store.
    await startSignIn(browser, { handle: 'bob.test' })
    const callback = new URL(await authorize(browser, 'alice.test'))
    const flowsUnderWay = await atgate.stores.dumpEphemeral()
    const returned = await browser.send(callback.pathname + callback.search)
    const exchangeToken = new URL(returned.headers.get('location') ?? '').searchParams.get('exchange_token') ?? ''
    const exchangeUnderWay = await atgate.stores.dumpEphemeral()
    const exchanged = await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
    const sessionId = exchanged.data?.exchangeToken.session.id ?? ''
    const session = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: sessionId } })
    const grant = await openGrant(atgate.gateway, session.grantId)
    const [, sessionSecret = ''] = ((await browser.sessionCookie()) ?? '').split('.')
    const clientCookie = (await browser.jar.getCookies(atgate.url)).find(({ key }) => key === 'atgate-client')?.value

    answers.push(JSON.stringify(exchanged.data), JSON.stringify((await browser.graphql(CurrentUserDocument)).data))
    await note(await browser.send('/'))
    await note(await browser.send('/oauth-client-metadata.json'))
    await note(await browser.send('/.well-known/jwks.json'))
    // Errors on purpose: what they say and what they log must be clean too.
    await note(await browser.send(callback.pathname + callback.search))
    const again = await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
    answers.push(JSON.stringify(again.errors))
    // A refresh, which leaves a copy, and one that is refused, which is logged.
    const { grants } = atgate.gateway.atproto
    const useWhenEnded = async () => {
      await ageGrant(atgate.gateway.stores.db, session.grantId, 2 * HOUR)
      return grants.hold(session.grantId)
    }
    await useWhenEnded()
    const refreshed = await openGrant(atgate.gateway, session.grantId)
    await expect
      .poll(async () => atgate.gateway.stores.ephemeral.get(`grant:${session.grantId}`))
      .toEqual(expect.stringMatching(/^1 /))
    const copied = await atgate.stores.dumpEphemeral()
    await (await askAuthorizationServer(atgate.gateway, refreshed)).revoke()
    await expect(useWhenEnded()).rejects.toThrow(GrantLost)
    const tables = await dumpTables()
    await browser.graphql(LogoutDocument)

    const secrets = {
      'access token': grant.tokenSet.access_token,
      'refresh token': grant.tokenSet.refresh_token ?? '',
      'refreshed access token': refreshed.tokenSet.access_token,
      'refreshed refresh token': refreshed.tokenSet.refresh_token ?? '',
      'DPoP key': (grant.dpopJwk as { d?: string }).d ?? '',
      'session secret': sessionSecret,
      'exchange token': exchangeToken,
      'authorization code': callback.searchParams.get('code') ?? '',
      state: callback.searchParams.get('state') ?? '',
      'client cookie': clientCookie ?? '',
    }
    const places = {
      tables: tables + (await dumpTables()),
      'ephemeral store': flowsUnderWay + exchangeUnderWay + copied + (await atgate.stores.dumpEphemeral()),
      log: atgate.logLines.join(''),
      answers: answers.join('\n'),
    }
    expect(flowsUnderWay).toContain('flow:')
    expect(exchangeUnderWay).toContain('exchange:')
    expect(copied).toContain(`grant:${session.grantId}`)
    expect(atgate.logLines.length).toBeGreaterThan(5)
    expect(atgate.logLines.join()).toContain('grant lost')
    for (const [place, text] of Object.entries(places)) {
      for (const [what, secret] of Object.entries(secrets)) {
        expect(secret.length, what).toBeGreaterThan(15)
        expect(text.includes(secret), `${what} in ${place}`).toBe(false)
      }
    }
    // The one place where a redirect carries a one-time secret.
    expect(returned.headers.get('location')).toContain(exchangeToken)
    expect(returned.headers.get('cache-control')).toBe('no-store')
    expect(returned.headers.get('referrer-policy')).toBe('no-referrer')
  })
})
