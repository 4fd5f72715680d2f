import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { GrantLost } from '../../src/atproto/grants/rows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { signIn } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'

const MINUTE = 60_000

describeGateway('refreshing a grant', () => {
  let atgate: TestGateway
  let id: string

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())
  beforeEach(async () => {
    const { session } = await signIn(createHttpBrowser(atgate.url), 'alice.test')
    id = (await atgate.stores.database.prisma.session.findUniqueOrThrow({ where: { id: session.id } })).grantId
  })

  const refreshToken = async () => (await openGrant(atgate.gateway, id)).tokenSet.refresh_token
  const refresh = () => atgate.gateway.atproto.grants.refresh(id)

  it('leaves one alone that was granted or refreshed within the last minute', async () => {
    const granted = await refreshToken()
    await refresh()
    expect(await refreshToken()).toBe(granted)

    await atgate.stores.advance(MINUTE)
    await refresh()
    const refreshed = await refreshToken()
    expect(refreshed).not.toBe(granted)

    await atgate.stores.advance(MINUTE - 5000)
    await refresh()
    expect(await refreshToken()).toBe(refreshed)
    await atgate.stores.advance(5000)
    await refresh()
    expect(await refreshToken()).not.toBe(refreshed)
  })

  it('finds out that the account’s owner has revoked it, and marks it as lost', async () => {
    await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, id))).revoke()
    await atgate.stores.advance(MINUTE)
    await expect(refresh()).rejects.toThrow(GrantLost)
    expect(await atgate.stores.database.prisma.grant.findUnique({ where: { id } })).toMatchObject({
      state: 'lost',
    })
  })
})
