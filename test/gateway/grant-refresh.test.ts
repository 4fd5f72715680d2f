import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import { currentUserOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { getSession } from '../support/get-session.ts'
import { askAuthorizationServer, openGrant, replaceTokenSet } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

const MINUTE = 60_000

describeGateway('the grant of a session', () => {
  let atgate: TestGateway
  let browser: HttpBrowser
  let id: string

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    browser = createHttpBrowser(atgate.url)
    const { session } = await signIn(browser, 'alice.test')
    id = (await atgate.stores.database.prisma.session.findUniqueOrThrow({ where: { id: session.id } })).grantId
  })

  const row = () => atgate.stores.database.prisma.grant.findUniqueOrThrow({ where: { id } })
  const age = (minutes: number) => ageGrant(atgate.stores.database.prisma, id, minutes * MINUTE)
  const askPds = () => getSession(atgate.gateway, id)

  it('has a key with which proofs are quick', async () => {
    expect((await openGrant(atgate.gateway, id)).dpopJwk).toMatchObject({ kty: 'EC', crv: 'P-256' })
  })

  it('is used as it is for four fifths of its access token’s hour', async () => {
    await age(47)
    const before = await row()
    expect((await askPds()).status).toBe(200)
    expect(await row()).toEqual(before)
  })

  it('is then refreshed, while it is still used', async () => {
    await age(49)
    const before = await row()
    expect((await askPds()).status).toBe(200)
    await eventually(async () => (await row()).generation === 1n, 'it is refreshed')
    const { refreshAfter, sealed } = await row()
    expect(sealed).not.toBe(before.sealed)
    expect(refreshAfter.getTime() - Date.now()).toBeGreaterThan(47 * MINUTE)
    expect((await askPds()).status).toBe(200)
  })

  it('is refreshed first when its access token has ended', async () => {
    await age(61)
    const former = await openGrant(atgate.gateway, id)
    expect((await askPds()).status).toBe(200)
    const current = await openGrant(atgate.gateway, id)
    expect(current.tokenSet.refresh_token).not.toBe(former.tokenSet.refresh_token)
    expect(await row()).toMatchObject({ generation: 1n, state: 'ok', leaseUntil: null, sentAt: null })
  })

  it('is refreshed when the PDS refuses its access token early, once a minute, and never given up for that', async () => {
    await replaceTokenSet(atgate.gateway, id, { access_token: 'refused' })
    expect((await askPds()).status).toBe(401)
    expect(await row()).toMatchObject({ generation: 0n, state: 'ok' })
    await age(1)
    expect((await askPds()).status).toBe(200)
    expect((await row()).generation).toBe(1n)
    await replaceTokenSet(atgate.gateway, id, { access_token: 'refused' })
    expect((await askPds()).status).toBe(401)
    expect(await row()).toMatchObject({ generation: 1n, state: 'ok' })
  })

  describe('in a database that is restored to before it was refreshed', () => {
    const needsReauthentication = async () => (await currentUserOf(browser))?.session.needsReauthentication

    beforeEach(async () => {
      const { sealed, generation, refreshAfter, accessEndsAt, updatedAt } = await row()
      const backup = { sealed, generation, refreshAfter, accessEndsAt, updatedAt }
      await age(61)
      await askPds()
      await atgate.stores.database.prisma.grant.update({ where: { id }, data: backup })
      await age(49)
    })

    it('is healed by its copy', async () => {
      expect(await needsReauthentication()).toBe(false)
      await eventually(async () => (await row()).generation === 1n, 'the copy is found')
      expect((await askPds()).status).toBe(200)
      expect(await needsReauthentication()).toBe(false)
    })

    it('and has no copy any more: the session says so when it is next used, and signing in again restores it', async () => {
      await atgate.stores.ephemeral.delete(`grant:${id}`)
      await currentUserOf(browser)
      await eventually(async () => (await needsReauthentication()) === true, 'the session says so')
      await signIn(browser, 'alice.test')
      expect(await needsReauthentication()).toBe(false)
    })
  })

  it('is lost when its owner has revoked it', async () => {
    await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, id))).revoke()
    await age(61)
    await expect(askPds()).rejects.toThrow(GrantLost)
    expect(await row()).toMatchObject({ generation: 0n, state: 'lost', lostReason: 'refused' })
  })
})
