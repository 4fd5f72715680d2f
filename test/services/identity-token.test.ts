import { decodeJwt, decodeProtectedHeader, generateKeyPair } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createIdentityTokens } from '../../src/services/identity-token.ts'
import { aViewer, type BuiltViewer } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const SOON = 20_000

describe('identity tokens', () => {
  let gateway: UnitGateway
  let alice: BuiltViewer
  let key: { kid: string; privateKey: CryptoKey }

  beforeAll(async () => {
    gateway = await openUnitGateway({ PUBLIC_URL: 'https://auth.example.com' })
    alice = await aViewer(gateway, { grant: { scope: 'atproto transition:generic' } })
    key = { kid: 'key-1', privateKey: (await generateKeyPair('ES256')).privateKey }
  })

  const issuer = (...tokenAudiences: string[]) =>
    createIdentityTokens({
      config: { ...gateway.config, tokenAudiences },
      keys: { signing: async () => key },
      clock: gateway.clock,
    })

  it('say who it is, by which session and with which scopes, for one service and for 60 seconds', async () => {
    const now = Math.floor(gateway.clock() / 1000)
    const { token, expiresAt } = await issuer('https://api.example.com').issue(alice.viewer, null)
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'atgate-id+jwt', kid: 'key-1' })
    const claims = decodeJwt(token)
    expect(claims).toEqual({
      iss: 'https://auth.example.com',
      aud: 'https://api.example.com',
      sub: alice.session.did,
      handle: 'alice.test',
      sid: alice.session.id,
      scope: 'atproto transition:generic',
      iat: expect.any(Number),
      exp: Number(claims.iat) + 60,
    })
    expect(Number(claims.iat) - now).toBeLessThanOrEqual(1)
    expect(expiresAt).toEqual(new Date(Number(claims.exp) * 1000))
  })

  describe('are for audiences that the gateway knows:', () => {
    const refused = { code: 'BAD_USER_INPUT' }

    it('the only one, named or not', async () => {
      const tokens = issuer('a')
      for (const audience of [null, 'a']) {
        expect(decodeJwt((await tokens.issue(alice.viewer, audience)).token).aud).toBe('a')
      }
    })

    it('of several the one that is named; without a name none is issued, and the first one is shared', async () => {
      const tokens = issuer('a', 'b')
      expect(decodeJwt((await tokens.issue(alice.viewer, 'b')).token).aud).toBe('b')
      await expect(tokens.issue(alice.viewer, null)).rejects.toMatchObject(refused)
      expect(decodeJwt(String((await tokens.share(alice.viewer, null))?.token)).aud).toBe('a')
    })

    it.each(['c', '', 'A', 'a '])('not %j, which is none of them', async (audience) => {
      const tokens = issuer('a', 'b')
      await expect(tokens.issue(alice.viewer, audience)).rejects.toMatchObject(refused)
      await expect(tokens.share(alice.viewer, audience)).rejects.toMatchObject(refused)
    })

    it('none at all where there is none', async () => {
      await expect(issuer().issue(alice.viewer, null)).rejects.toMatchObject(refused)
      await expect(issuer().share(alice.viewer, 'a')).rejects.toMatchObject(refused)
      expect(await issuer().share(alice.viewer, null)).toBeNull()
    })
  })

  describe('are shared while half of their life remains', () => {
    it('and then issued anew', async () => {
      const tokens = issuer('a')
      const share = async () => (await tokens.share(alice.viewer, null))?.token
      const first = await share()
      gateway.clock.advance(30_000 - SOON)
      expect(await share()).toBe(first)
      gateway.clock.advance(SOON)
      expect(await share()).not.toBe(first)
    })

    it('for the same session, audience, handle, scopes and key only', async () => {
      const tokens = issuer('a', 'b')
      const first = (await tokens.share(alice.viewer, 'a'))?.token
      const { session } = alice.viewer
      const others = await Promise.all([
        tokens.share(alice.viewer, 'b'),
        tokens.share((await aViewer(gateway)).viewer, 'a'),
        tokens.share({ ...alice.viewer, session: { ...session, grant: { ...session.grant, scope: 'atproto' } } }, 'a'),
        tokens.share(
          { ...alice.viewer, session: { ...session, account: { ...session.account, handle: 'new.test' } } },
          'a',
        ),
      ])
      const known = key
      key = { ...key, kid: 'key-2' }
      others.push(await tokens.share(alice.viewer, 'a'))
      key = known
      expect(new Set([first, ...others.map((other) => other?.token)]).size).toBe(6)
    })

    it('not where a client asks for one of its own', async () => {
      const tokens = issuer('a')
      gateway.clock.advance(60_000)
      const first = await tokens.issue(alice.viewer, null)
      gateway.clock.advance(1000)
      expect((await tokens.issue(alice.viewer, null)).token).not.toBe(first.token)
    })
  })
})
