import { beforeAll, describe, expect, it } from 'vitest'
import { keptScopes } from '../../src/flows/kept-scopes.ts'
import { aPermissionSet, knownSets, writes } from '../support/permission-sets.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const BASIC = 'include:app.kept.authBasic'
const FULL = 'include:app.kept.authFull'

describe('the scopes that a session keeps', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    const sets = knownSets(
      aPermissionSet('app.kept.authBasic', { permissions: [writes(['app.kept.note'])] }),
      aPermissionSet('app.kept.authFull', { permissions: [writes(['app.kept.note', 'app.kept.tag'])] }),
    )
    gateway = await openUnitGateway({ OAUTH_OPTIONAL_SCOPES: `transition:email ${BASIC} ${FULL}` }, { sets })
  })

  const kept = (askedScope: string | null, scope: string) => keptScopes(gateway, { askedScope, grant: { scope } })

  it('are the permission sets that it was asked for, by their names', () => {
    expect(kept(`atproto ${BASIC}`, 'atproto repo:app.kept.note')).toEqual(['atproto', BASIC])
    expect(kept(`atproto ${FULL}`, 'atproto repo?collection=app.kept.note&collection=app.kept.tag')).toEqual([
      'atproto',
      FULL,
    ])
  })

  it('are a set, too, of which an older version is granted', () => {
    expect(kept(`atproto ${FULL}`, 'atproto repo:app.kept.note')).toEqual(['atproto', FULL])
  })

  it('are none of which nothing is granted any more, or that is no longer declared', () => {
    expect(kept(`atproto ${FULL} transition:email blob:*/*`, 'atproto blob:*/*')).toEqual(['atproto'])
  })

  it('are those that are granted, for a session of which nobody knows what was asked', () => {
    expect(kept(null, 'atproto transition:email repo:app.kept.note')).toEqual(['atproto', 'transition:email'])
  })
})
