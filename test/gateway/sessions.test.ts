import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import { sweep } from '../../src/jobs/housekeeping.ts'
import {
  CurrentUserDocument,
  ExchangeTokenDocument,
  LogoutAllDocument,
  LogoutDocument,
  RevokeSessionDocument,
  SessionsDocument,
} from '../../web/generated/graphql.ts'
import { aSession, didOf } from '../support/builders.ts'
import { addAccount, codeOf, reachedBy, switcherOf, switchTo } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { getSession } from '../support/get-session.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { obtainExchangeToken, signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

describeGateway('sessions', () => {
  let atgate: TestGateway
  let laptop: HttpBrowser
  let phone: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(() => {
    laptop = createHttpBrowser(atgate.url)
    phone = createHttpBrowser(atgate.url)
  })

  const currentUser = async (browser: HttpBrowser) => (await browser.graphql(CurrentUserDocument)).data?.currentUser

  async function grantIdOf(sessionId: string) {
    return (await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: sessionId } })).grantId
  }

  /** Asks the PDS, with the stored grant, who it is for. */
  const askPds = (grantId: string) => getSession(atgate.gateway, grantId)

  it('of one account in two browsers are two, each with a grant of its own', async () => {
    const first = await signIn(laptop, 'alice.test')
    const second = await signIn(phone, 'alice.test')
    expect(first.account.did).toBe(second.account.did)
    expect(first.session.id).not.toBe(second.session.id)
    expect(await grantIdOf(first.session.id)).not.toBe(await grantIdOf(second.session.id))

    const { data } = await phone.graphql(SessionsDocument)
    const ids = data?.sessions.map((session) => [session.id, session.isCurrent])
    expect(ids).toContainEqual([first.session.id, false])
    expect(ids).toContainEqual([second.session.id, true])
  })

  it('signing out in one browser ends that one, and leaves the session and the PDS grant of the other working', async () => {
    const first = await signIn(laptop, 'alice.test')
    const second = await signIn(phone, 'alice.test')
    const [ended, kept] = await Promise.all([grantIdOf(first.session.id), grantIdOf(second.session.id)])
    const endedGrant = await openGrant(atgate.gateway, ended)

    const { data, response } = await laptop.graphql(LogoutDocument)
    expect(data).toEqual({ logout: { switchedTo: null, sessionToken: null } })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0; Path=\/;/)])
    expect(await currentUser(laptop)).toBeNull()
    expect((await currentUser(phone))?.handle).toBe('alice.test')

    await eventually(
      async () => (await atgate.gateway.stores.db.grant.count({ where: { id: ended } })) === 0,
      'the ended grant is revoked and gone',
    )
    // What the PDS itself says: of the revoked grant's refresh token, and of the other grant, also after a refresh.
    const server = await askAuthorizationServer(atgate.gateway, endedGrant)
    await expect(server.refresh()).rejects.toMatchObject({ error: 'invalid_grant' })
    await ageGrant(atgate.gateway.stores.db, kept, 2 * HOUR)
    expect(await askPds(kept)).toMatchObject({ status: 200, did: second.account.did })
  })

  it('refuses the cookie of an ended session at once, wherever it is shown', async () => {
    await signIn(laptop, 'alice.test')
    const cookie = await laptop.sessionCookie()
    await laptop.graphql(LogoutDocument)
    for (const headers of [{ cookie: `atgate=${cookie}` }, { authorization: `Bearer ${cookie}` }]) {
      expect((await phone.graphql(CurrentUserDocument, undefined, headers)).data).toEqual({ currentUser: null })
    }
  })

  describe('count only as what they were given as', () => {
    const seenWith = async (headers: Record<string, string>) => {
      const { data, errors } = await createHttpBrowser(atgate.url).graphql(CurrentUserDocument, undefined, headers)
      expect(errors).toEqual([])
      return data?.currentUser?.did ?? null
    }
    const [alice, bob] = [didOf('alice.test'), didOf('bob.test')]
    let cookie: string
    let bearer: string

    beforeEach(async () => {
      const db = atgate.gateway.stores.db
      const now = atgate.stores.clock()
      cookie = (await aSession({ db, now }, { handle: 'alice.test' })).token
      bearer = (await aSession({ db, now }, { handle: 'bob.test', kind: 'SDK' })).token
    })

    it('the token of a browser as cookie, that of a client without cookies as bearer', async () => {
      expect(await seenWith({ cookie: `atgate=${cookie}` })).toBe(alice)
      expect(await seenWith({ authorization: `Bearer ${bearer}` })).toBe(bob)
      expect(await seenWith({ authorization: `Bearer ${cookie}` })).toBeNull()
      expect(await seenWith({ cookie: `atgate=${bearer}` })).toBeNull()
    })

    it('a developer token as bearer', async () => {
      const { token } = await aSession({ db: atgate.gateway.stores.db }, { kind: 'DEVELOPER_TOKEN' })
      expect(await seenWith({ authorization: `Bearer ${token}` })).toBe(alice)
      expect(await seenWith({ cookie: `atgate=${token}` })).toBeNull()
    })

    it('a bearer token alone, whatever cookie comes with it', async () => {
      const both = { cookie: `atgate=${cookie}`, authorization: `Bearer ${bearer}` }
      expect(await seenWith(both)).toBe(bob)
      expect(await seenWith({ ...both, authorization: `bearer  ${bearer}` })).toBe(bob)
      for (const authorization of ['Bearer nonsense', `Bearer ${cookie}`, `Bearer ${bearer}x`]) {
        expect(await seenWith({ ...both, authorization })).toBeNull()
      }
    })

    it('a cookie beside another scheme of authorization, which is not for the gateway', async () => {
      for (const scheme of ['Basic', 'DPoP']) {
        expect(await seenWith({ authorization: `${scheme} ${bearer}` })).toBeNull()
        expect(await seenWith({ authorization: `${scheme} ${bearer}`, cookie: `atgate=${cookie}` })).toBe(alice)
      }
    })

    it('and signing out clears the cookie if that was what counted', async () => {
      const signOut = async (headers: Record<string, string>) =>
        (
          await createHttpBrowser(atgate.url).graphql(LogoutDocument, undefined, headers)
        ).response.headers.getSetCookie()
      const both = { cookie: `atgate=${cookie}`, authorization: `Bearer ${bearer}` }
      expect(await signOut(both)).toEqual([])
      expect(await seenWith({ cookie: `atgate=${cookie}` })).toBe(alice)
      // As behind a proxy that asks for a password of its own.
      expect(await signOut({ ...both, authorization: 'Basic dXNlcjpwYXNz' })).toEqual([
        expect.stringMatching(/^atgate=; Max-Age=0;/),
      ])
      expect(await seenWith({ cookie: `atgate=${cookie}` })).toBeNull()
    })
  })

  it('are signed out from elsewhere by revokeSession', async () => {
    const lost = await signIn(phone, 'alice.test')
    await signIn(laptop, 'alice.test')
    const { data } = await laptop.graphql(RevokeSessionDocument, { input: { id: lost.session.id } })
    expect(data).toEqual({ revokeSession: { revokedId: lost.session.id } })
    expect(await currentUser(phone)).toBeNull()
    expect((await laptop.graphql(SessionsDocument)).data?.sessions.map((session) => session.id)).not.toContain(
      lost.session.id,
    )
  })

  it('of another account, unknown ones and the own one are not revoked', async () => {
    const bobs = await signIn(phone, 'bob.test')
    const own = await signIn(laptop, 'alice.test')
    const revoke = async (id: string) => {
      const { errors } = await laptop.graphql(RevokeSessionDocument, { input: { id } })
      return errors[0]?.extensions.code
    }
    expect(await revoke(bobs.session.id)).toBe('SESSION_NOT_FOUND')
    expect(await revoke('nothing')).toBe('SESSION_NOT_FOUND')
    expect(await revoke(own.session.id)).toBe('BAD_USER_INPUT')
    expect((await currentUser(phone))?.handle).toBe('bob.test')
    expect((await currentUser(laptop))?.handle).toBe('alice.test')
  })

  it('end with logoutAll, which counts them', async () => {
    await signIn(laptop, 'alice.test')
    const { data, response } = await laptop.graphql(LogoutAllDocument)
    expect(data).toEqual({ logoutAll: { loggedOutCount: 1 } })
    expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^atgate=; Max-Age=0;/)])
    expect(await currentUser(laptop)).toBeNull()
  })

  it('go on as another account of the group only if there is one', async () => {
    await signIn(laptop, 'alice.test')
    const { errors } = await laptop.graphql(LogoutDocument, { input: { switchTo: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' } })
    expect(errors[0]?.extensions.code).toBe('ACCOUNT_NOT_LINKED')
    expect((await currentUser(laptop))?.handle).toBe('alice.test')
  })

  it('are replaced, with their group, when the browser signs in anew', async () => {
    const before = await countRows(atgate.gateway.stores.db)
    const first = await signIn(laptop, 'alice.test')
    const cookie = await laptop.sessionCookie()
    const seenWithFormer = async () =>
      (await phone.graphql(CurrentUserDocument, undefined, { cookie: `atgate=${cookie}` })).data?.currentUser?.did
    const token = await obtainExchangeToken(laptop, 'bob.test')
    // Not before the exchange: closing the tab here would leave everything as it was.
    expect((await currentUser(laptop))?.did).toBe(first.account.did)
    expect(token).toMatch(/^[\w-]{43}$/)

    const exchanged = await laptop.graphql(ExchangeTokenDocument, { input: { exchangeToken: token } })
    expect(exchanged.data?.exchangeToken).toMatchObject({ account: { isActive: true }, session: { isCurrent: true } })
    // Nor before the new cookie is used: an answer that was lost would leave everything as it was.
    expect(await seenWithFormer()).toBe(first.account.did)

    expect((await currentUser(laptop))?.handle).toBe('bob.test')
    expect(await seenWithFormer()).toBeUndefined()
    const after = await countRows(atgate.gateway.stores.db)
    expect(after.sessions - before.sessions).toBe(1)
    expect(after.groups - before.groups).toBe(1)
    expect(after.tokens - before.tokens).toBe(1)
  })

  it('of the accounts beside it stay, when an account of the browser signs in again', async () => {
    const old = await signIn(laptop, 'alice.test')
    await addAccount(laptop, 'bob.test')
    const renewed = await signIn(laptop, 'alice.test')
    expect(renewed.session.id).not.toBe(old.session.id)
    expect(renewed).toMatchObject({ account: { isActive: false }, session: { isCurrent: false } })
    expect(await switcherOf(laptop)).toEqual(['alice.test', 'BOB.TEST'])
    const { db } = atgate.gateway.stores
    expect(await db.session.findUnique({ where: { id: old.session.id } })).toBeNull()
    expect(codeOf(await switchTo(laptop, renewed.account.did))).toBeUndefined()
    expect((await currentUser(laptop))?.session.id).toBe(renewed.session.id)
  })

  it('that await their exchange are listed nowhere and usable by nobody', async () => {
    await signIn(laptop, 'carol.test')
    await obtainExchangeToken(phone, 'carol.test')
    expect((await laptop.graphql(SessionsDocument)).data?.sessions).toHaveLength(1)
    const waiting = await atgate.gateway.stores.db.session.findFirstOrThrow({ where: { exchangedAt: null } })
    const forged = `${waiting.id}.${'A'.repeat(43)}`
    for (const headers of [
      { cookie: `atgate=${forged}` },
      { authorization: `Bearer ${forged}` },
      { authorization: `Bearer atgate_${forged}` },
    ]) {
      expect((await phone.graphql(CurrentUserDocument, undefined, headers)).data).toEqual({ currentUser: null })
    }
  })

  it('slide as they are used, but never past their grant', async () => {
    const { session } = await signIn(laptop, 'alice.test')
    const { grant } = await atgate.gateway.stores.db.session.findUniqueOrThrow({
      where: { id: session.id },
      include: { grant: true },
    })
    await atgate.gateway.stores.db.session.update({
      where: { id: session.id },
      data: { expiresAt: new Date(atgate.stores.clock() + 2 * DAY) },
    })
    await atgate.stores.advance(1 * DAY)
    await currentUser(laptop)
    await eventually(async () => {
      const { expiresAt } = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: session.id } })
      return expiresAt.getTime() === grant.expiresAt.getTime()
    }, 'the session slides to the end of its grant')

    await atgate.stores.advance(13 * DAY + 1000)
    expect(await currentUser(laptop)).toBeNull()
    expect((await laptop.graphql(SessionsDocument)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED')
  })

  it('leave nobody signed in when the last one of a browser has expired, swept or not', async () => {
    const { db } = atgate.gateway.stores
    const { token } = await aSession({ db, now: atgate.stores.clock() }, { expiresAt: new Date(0) })
    const cookie = { cookie: `atgate=${token}` }
    for (const round of ['expired', 'swept']) {
      // No account is left to switch to, so that nobody is told to.
      const { errors } = await laptop.graphql(SessionsDocument, undefined, cookie)
      expect(
        errors.map(({ extensions }) => extensions),
        round,
      ).toEqual([{ code: 'UNAUTHENTICATED' }])
      expect(await reachedBy(laptop, cookie), round).toBe('UNAUTHENTICATED')
      await sweep(atgate.gateway)
    }
  })

  it('say when their grant is lost, and signing in again restores it', async () => {
    const { session } = await signIn(laptop, 'alice.test')
    const id = await grantIdOf(session.id)
    // As an account's owner does who revokes the app at the PDS.
    await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, id))).revoke()
    await ageGrant(atgate.gateway.stores.db, id, 2 * HOUR)
    await expect(atgate.gateway.atproto.grants.hold(id)).rejects.toThrow(GrantLost)

    expect((await currentUser(laptop))?.session.needsReauthentication).toBe(true)
    await signIn(laptop, 'alice.test')
    expect((await currentUser(laptop))?.session.needsReauthentication).toBe(false)
  })

  it('refresh a grant once, however many ask at the same instant', async () => {
    const { session, account } = await signIn(laptop, 'alice.test')
    const id = await grantIdOf(session.id)
    await ageGrant(atgate.gateway.stores.db, id, 2 * HOUR)

    // A refresh token used twice would kill the grant, and all but one of these would fail.
    const answers = await Promise.all(Array.from({ length: 8 }, () => askPds(id)))
    expect(answers.map(({ did }) => did)).toEqual(Array.from({ length: 8 }, () => account.did))
    expect((await currentUser(laptop))?.session.needsReauthentication).toBe(false)
    expect(inject('pdsUrl')).toBe((await currentUser(laptop))?.pdsUrl)
  })
})
