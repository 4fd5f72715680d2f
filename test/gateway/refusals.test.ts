import { randomBytes } from 'node:crypto'
import { Secp256k1Keypair } from '@atproto/crypto'
import { Client as PlcClient } from '@did-plc/lib'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument, ExchangeTokenDocument } from '../../web/generated/graphql.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { cancelOnPds, denyOnPds } from '../support/pds-pages.ts'
import { authorize, followCallback, obtainExchangeToken, signIn, startSignIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const MINUTE = 60_000

describeGateway('refusals', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let before: Awaited<ReturnType<typeof countRows>>

  beforeAll(async () => {
    atgate = await startGateway()
    // So that a refusal would have a session to damage.
    await signIn(createHttpBrowser(atgate.url), 'alice.test')
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    before = await countRows(atgate.gateway.stores.db)
  })

  const nothingHasChanged = async () => expect(await countRows(atgate.gateway.stores.db)).toEqual(before)

  async function startError(query: string): Promise<{ status: number; error: string; message: string }> {
    const response = await browser.send(`/auth/start?${query}`, { headers: { accept: 'application/json' } })
    expect(response.headers.getSetCookie()).toEqual([])
    return { status: response.status, ...((await response.json()) as { error: string; message: string }) }
  }

  async function outcomeOf(callbackUrl: string): Promise<Record<string, string>> {
    return Object.fromEntries((await followCallback(browser, callbackUrl)).searchParams)
  }

  describe('of /auth/start', () => {
    it.each([
      ['neither handle nor pds_url', '', 400, 'BAD_USER_INPUT'],
      ['both handle and pds_url', 'handle=alice.test&pds_url=https://pds.example.com', 400, 'BAD_USER_INPUT'],
      ['a parameter twice', 'handle=alice.test&handle=bob.test', 400, 'BAD_USER_INPUT'],
      ['a malformed handle', 'handle=not%20a%20handle!', 400, 'INVALID_HANDLE'],
      ['an empty handle', 'handle=', 400, 'INVALID_HANDLE'],
      ['a handle without a dot', 'handle=alice', 400, 'INVALID_HANDLE'],
      ['an unknown handle', 'handle=nobody.test', 404, 'HANDLE_NOT_FOUND'],
      ['an unknown DID', 'handle=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 404, 'HANDLE_NOT_FOUND'],
      ['account creation where there is none', 'pds_url=https://pds.example.com', 403, 'ACCOUNT_CREATION_DISABLED'],
      ['a return_to that leaves the frontend', 'handle=alice.test&return_to=//evil.example', 400, 'BAD_USER_INPUT'],
      ['a loopback return_to in a browser', 'handle=alice.test&return_to=http://127.0.0.1:9/', 400, 'BAD_USER_INPUT'],
      ['a malformed challenge', 'handle=alice.test&exchange_challenge=short', 400, 'BAD_USER_INPUT'],
    ])('%s', async (_what, query, status, code) => {
      const answer = await startError(query)
      expect(answer).toMatchObject({ status, error: code })
      expect(answer.message.length).toBeGreaterThan(10)
      await nothingHasChanged()
    })

    it('a server that does not answer', async () => {
      expect(await startError(`handle=http://localhost:${await freePort()}`)).toMatchObject({
        status: 502,
        error: 'PDS_UNAVAILABLE',
      })
    })

    it('an account whose PDS does not answer', async () => {
      const key = await Secp256k1Keypair.create()
      const did = await new PlcClient(inject('plcUrl')).createDid({
        signingKey: key.did(),
        rotationKeys: [key.did()],
        handle: 'stranded.test',
        pds: `http://localhost:${await freePort()}`,
        signer: key,
      })
      expect(await startError(`handle=${did}`)).toMatchObject({ status: 502, error: 'PDS_UNAVAILABLE' })
      await nothingHasChanged()
    })
  })

  describe('of the callback', () => {
    it('the user denies, after signing in and before', async () => {
      const account = { username: 'alice.test', password: SANDBOX_PASSWORD }
      for (const deny of [denyOnPds, cancelOnPds]) {
        const callback = await deny(await startSignIn(browser, { handle: 'alice.test' }), account)
        expect(await outcomeOf(callback)).toEqual({ auth_error: 'access_denied', auth_error_flow: 'login' })
      }
      await nothingHasChanged()
    })

    it('an unknown state, or none', async () => {
      const unknown = randomBytes(16).toString('base64url')
      for (const query of [`state=${unknown}&code=x&iss=${inject('pdsUrl')}`, 'code=x', '']) {
        expect(await outcomeOf(`${atgate.url}/auth/callback?${query}`)).toEqual({ auth_error: 'expired' })
      }
      await nothingHasChanged()
    })

    it('a flow that took longer than ten minutes', async () => {
      const callback = await authorize(browser, 'alice.test')
      await atgate.stores.advance(10 * MINUTE + 1000)
      expect(await outcomeOf(callback)).toEqual({ auth_error: 'expired' })
      await nothingHasChanged()
    })

    it('the same callback again', async () => {
      const callback = await authorize(browser, 'alice.test')
      expect(Object.keys(await outcomeOf(callback))).toEqual(['exchange_token'])
      const after = await countRows(atgate.gateway.stores.db)
      expect(await outcomeOf(callback)).toEqual({ auth_error: 'expired' })
      expect(await countRows(atgate.gateway.stores.db)).toEqual(after)
    })

    it('the same callback many times at the same instant: one succeeds', async () => {
      const callback = await authorize(browser, 'alice.test')
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(callback)))
      expect(outcomes.filter((outcome) => 'exchange_token' in outcome)).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome.auth_error === 'expired')).toHaveLength(9)
    })

    it('a callback after the ephemeral store has forgotten that the flow was finished: one succeeds', async () => {
      const callback = await authorize(browser, 'alice.test')
      const { ephemeral } = atgate.gateway.stores
      const forgotten = vi.spyOn(ephemeral, 'delete').mockResolvedValue()
      onTestFinished(() => forgotten.mockRestore())
      expect(Object.keys(await outcomeOf(callback))).toEqual(['exchange_token'])
      expect(await outcomeOf(callback)).toEqual({ auth_error: 'expired', auth_error_flow: 'login' })
    })

    it('an issuer other than the one that the flow began with', async () => {
      const callback = new URL(await authorize(browser, 'alice.test'))
      callback.searchParams.set('iss', 'https://evil.example')
      expect(await outcomeOf(callback.href)).toEqual({ auth_error: 'failed', auth_error_flow: 'login' })
      await nothingHasChanged()
    })

    it('no issuer, where the server promised one', async () => {
      const callback = new URL(await authorize(browser, 'alice.test'))
      callback.searchParams.delete('iss')
      expect(await outcomeOf(callback.href)).toEqual({ auth_error: 'failed', auth_error_flow: 'login' })
      await nothingHasChanged()
    })

    it('a code that the server does not know', async () => {
      const callback = new URL(await authorize(browser, 'alice.test'))
      callback.searchParams.set('code', 'cod-0000000000000000000000000000000000000000000000000000000000000000')
      expect(await outcomeOf(callback.href)).toEqual({ auth_error: 'failed', auth_error_flow: 'login' })
      await nothingHasChanged()
    })

    it('a browser other than the one that began, and after that the right one too', async () => {
      const callback = await authorize(browser, 'alice.test')
      const other = createHttpBrowser(atgate.url)
      await startSignIn(other, { handle: 'bob.test' })
      const outcome = (await followCallback(other, callback)).searchParams
      expect(Object.fromEntries(outcome)).toEqual({ auth_error: 'client_mismatch', auth_error_flow: 'login' })
      expect(await outcomeOf(callback)).toEqual({ auth_error: 'expired' })
      await nothingHasChanged()
    })

    it('a HEAD request, which must not use the flow up', async () => {
      const callback = await authorize(browser, 'alice.test')
      const { pathname, search } = new URL(callback)
      expect((await browser.send(pathname + search, { method: 'HEAD' })).status).toBe(404)
      expect(Object.keys(await outcomeOf(callback))).toEqual(['exchange_token'])
    })
  })

  describe('of the exchange', () => {
    const exchange = (from: HttpBrowser, exchangeToken: string) =>
      from.graphql(ExchangeTokenDocument, { input: { exchangeToken } })

    async function expectRefused(from: HttpBrowser, exchangeToken: string): Promise<void> {
      const { data, errors, response } = await exchange(from, exchangeToken)
      expect(data).toBeNull()
      expect(errors.map((error) => error.extensions.code)).toEqual(['EXCHANGE_TOKEN_INVALID'])
      expect(response.headers.getSetCookie()).toEqual([])
    }

    it('a token used twice', async () => {
      const token = await obtainExchangeToken(browser, 'alice.test')
      expect((await exchange(browser, token)).errors).toEqual([])
      await expectRefused(browser, token)
      expect((await browser.graphql(CurrentUserDocument)).data?.currentUser?.handle).toBe('alice.test')
    })

    it('a token used 20 times at the same instant: exactly one wins', async () => {
      const token = await obtainExchangeToken(browser, 'alice.test')
      const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(browser, token)))
      expect(answers.filter(({ data }) => data !== null)).toHaveLength(1)
      expect(answers.filter(({ errors }) => errors[0]?.extensions.code === 'EXCHANGE_TOKEN_INVALID')).toHaveLength(19)
      expect(answers.filter(({ response }) => response.headers.getSetCookie().length > 0)).toHaveLength(1)
    })

    it('a token after 60 seconds', async () => {
      const token = await obtainExchangeToken(browser, 'alice.test')
      await atgate.stores.advance(61_000)
      await expectRefused(browser, token)
    })

    it('a token from another browser, which burns it and gives the session up', async () => {
      const token = await obtainExchangeToken(browser, 'alice.test')
      const other = createHttpBrowser(atgate.url)
      await startSignIn(other, { handle: 'alice.test' })
      await expectRefused(other, token)
      await expectRefused(browser, token)
      await eventually(
        async () => (await countRows(atgate.gateway.stores.db)).grants === before.grants,
        'the grant of the session that was given up is revoked',
      )
      await nothingHasChanged()
    })

    it('a token without any cookie, and one that never was', async () => {
      const token = await obtainExchangeToken(browser, 'alice.test')
      await expectRefused(createHttpBrowser(atgate.url), token)
      await expectRefused(browser, randomBytes(32).toString('base64url'))
      await expectRefused(browser, '')
    })
  })

  it('leaves the session that stood all the while', async () => {
    const { db } = atgate.gateway.stores
    const include = { group: { include: { tokens: true } } }
    const [session] = await db.session.findMany({ orderBy: { createdAt: 'asc' }, take: 1, include })
    expect(session).toMatchObject({
      kind: 'BROWSER',
      group: { activeDid: session?.did, tokens: [{ sessionId: session?.id, confirmedAt: expect.any(Date) }] },
    })
  })
})
