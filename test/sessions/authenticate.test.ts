import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId, newSecret } from '../../src/platform/random.ts'
import { authenticate } from '../../src/sessions/authenticate.ts'
import { formatSessionToken, hashSecret } from '../../src/sessions/token.ts'
import { aSession, type BuiltSession, CLIENT, didOf } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const SECOND = 1000

describe('authenticate', () => {
  let gateway: UnitGateway
  let built: BuiltSession

  beforeAll(async () => {
    gateway = await openUnitGateway()
  })
  beforeEach(async () => {
    built = await aSession({ db: gateway.stores.db, now: gateway.clock() })
  })

  const byCookie = (sessionCookie: string) =>
    authenticate(gateway, { sessionCookie, authorization: null, client: CLIENT })
  const byHeader = (authorization: string) =>
    authenticate(gateway, { sessionCookie: null, authorization, client: CLIENT })
  const change = (data: object) => gateway.stores.db.session.update({ where: { id: built.session.id }, data })

  it('finds the session of a cookie, with its account and what is said of its grant', async () => {
    expect(await byCookie(built.token)).toMatchObject({
      via: 'cookie',
      isReplaced: false,
      session: {
        id: built.session.id,
        account: { did: didOf('alice.test'), handle: 'alice.test' },
        grant: { scope: 'atproto', state: 'ok' },
      },
    })
  })

  it('finds the session of a bearer token, however the scheme is spelt', async () => {
    expect(await byHeader(`Bearer ${built.token}`)).toMatchObject({ via: 'bearer', session: { id: built.session.id } })
    expect(await byHeader(`bearer ${built.token}`)).toMatchObject({ via: 'bearer' })
  })

  it.each([
    (token: string) => token,
    (token: string) => `Basic ${token}`,
    (token: string) => `DPoP ${token}`,
    (token: string) => `x Bearer ${token}`,
    (token: string) => `Bearer ${token} x`,
    () => 'Bearer ',
  ])('ignores an authorization header of another form: %s', async (headerOf) => {
    expect(await byHeader(headerOf(built.token))).toBeNull()
  })

  it('goes by the cookie alone where there is one', async () => {
    const other = await aSession({ db: gateway.stores.db }, { handle: 'bob.test' })
    const authorization = `Bearer ${other.token}`
    expect(await authenticate(gateway, { sessionCookie: built.token, authorization, client: CLIENT })).toMatchObject({
      session: { id: built.session.id },
    })
    expect(await authenticate(gateway, { sessionCookie: 'nothing', authorization, client: CLIENT })).toBeNull()
  })

  it('finds nobody without a token, with one of another form, of another session, or with another secret', async () => {
    expect(await authenticate(gateway, { sessionCookie: null, authorization: null, client: CLIENT })).toBeNull()
    expect(await byCookie('nothing')).toBeNull()
    const [id = '', secret = ''] = built.token.split('.')
    expect(await byCookie(`${newId()}.${secret}`)).toBeNull()
    expect(await byCookie(`${id}.${newSecret()}`)).toBeNull()
  })

  it('finds nobody once the session has expired', async () => {
    await change({ expiresAt: new Date(gateway.clock() + 60 * SECOND) })
    expect(await byCookie(built.token)).not.toBeNull()
    await change({ expiresAt: new Date(gateway.clock()) })
    expect(await byCookie(built.token)).toBeNull()
  })

  it('finds nobody while the session awaits its exchange', async () => {
    const { token } = await aSession({ db: gateway.stores.db }, { secretHash: null })
    expect(await byCookie(token)).toBeNull()
  })

  describe('a session that is not the active one', () => {
    it('is found during the grace period, as replaced, and not after', async () => {
      await change({ isActive: false, graceUntil: new Date(gateway.clock() + 60 * SECOND) })
      expect(await byCookie(built.token)).toMatchObject({ isReplaced: true })
      await change({ graceUntil: new Date(gateway.clock()) })
      expect(await byCookie(built.token)).toBeNull()
      await change({ graceUntil: null })
      expect(await byCookie(built.token)).toBeNull()
    })
  })

  describe('a former secret', () => {
    it('is accepted during the grace period, as replaced, and not after', async () => {
      const former = formatSessionToken({ id: built.session.id, secret: newSecret() }, { developer: false })
      const formerHash = hashSecret(former.split('.')[1] ?? '')
      await change({ formerHash, graceUntil: new Date(gateway.clock() + 60 * SECOND) })
      expect(await byCookie(former)).toMatchObject({ isReplaced: true, session: { id: built.session.id } })
      // The present one is as good as ever.
      expect(await byCookie(built.token)).toMatchObject({ isReplaced: false })
      expect(await byCookie(`${built.session.id}.${newSecret()}`)).toBeNull()
      await change({ graceUntil: new Date(gateway.clock()) })
      expect(await byCookie(former)).toBeNull()
      await change({ graceUntil: null })
      expect(await byCookie(former)).toBeNull()
    })
  })
})
