import { beforeAll, describe, expect, it } from 'vitest'
import { verify } from '../../src/services/verify.ts'
import { aViewer, CLIENT } from '../support/builders.ts'
import { aPermissionSet, knownSets, writes } from '../support/permission-sets.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const SET = 'include:app.verified.authFull'

describe('a service that needs a permission set', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    const set = aPermissionSet('app.verified.authFull', {
      permissions: [writes(['app.verified.note', 'app.verified.tag'])],
    })
    gateway = await openUnitGateway({ OAUTH_OPTIONAL_SCOPES: SET }, { sets: knownSets(set) })
  })

  /** Verifies a session that has been granted these scopes. */
  async function verifyWith(scope: string, demanded: readonly string[]) {
    const { token } = await aViewer(gateway, { grant: { scope } })
    const clientRequest = {
      id: 'r1',
      authorization: null,
      sessionCookie: token,
      clientCookie: null,
      account: null,
      client: CLIENT,
    }
    const demand = { clientRequest, scopes: demanded, audience: null }
    return verify(gateway, { share: async () => null }, demand)
  }

  it('is served where everything that the set holds was granted, as servers grant it', async () => {
    const { session, token } = await verifyWith('atproto repo:app.verified.note repo:app.verified.tag', [SET])
    expect([session.account.handle, token]).toEqual(['alice.test', null])
  })

  it.each([
    ['a part of it was granted', 'atproto repo:app.verified.note', SET],
    ['nothing of it was granted', 'atproto', SET],
    ['nobody knows what a set of that name holds', 'atproto repo:app.other.note', 'include:app.other.authFull'],
  ])('is refused where %s', async (_what, scope, demanded) => {
    await expect(verifyWith(scope, ['atproto', demanded])).rejects.toMatchObject({
      code: 'SCOPE_UPGRADE_REQUIRED',
      missingScopes: [demanded],
    })
  })
})
