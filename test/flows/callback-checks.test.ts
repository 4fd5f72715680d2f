import { beforeAll, describe, expect, it } from 'vitest'
import { requireScopes } from '../../src/flows/callback-checks.ts'
import type { PendingFlow } from '../../src/flows/pending-flow.ts'
import { aGrant } from '../support/builders.ts'
import { aPermissionSet, knownSets, writes } from '../support/permission-sets.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const KNOWN = 'include:app.checked.authFull'
const UNKNOWN = 'include:app.nowhere.authFull'

describe('the scopes of a callback', () => {
  let gateway: UnitGateway

  beforeAll(async () => {
    const permissions = [writes(['app.checked.note', 'app.checked.tag'])]
    const sets = knownSets(aPermissionSet('app.checked.authFull', { permissions }))
    gateway = await openUnitGateway({ OAUTH_OPTIONAL_SCOPES: `${KNOWN} ${UNKNOWN}` }, { sets })
  })

  const check = (granted: string, asked: Partial<PendingFlow>) =>
    requireScopes(
      gateway,
      { scopes: ['atproto'], optionalScopes: [], needsOptional: false, ...asked } as PendingFlow,
      aGrant({ scope: granted as 'atproto' }),
    )
  const refused = expect.objectContaining({ name: 'FlowRefused', code: 'scope_missing' })

  it('are refused without a required one', () => {
    expect(() => check('atproto', { scopes: ['atproto', 'transition:email'] })).toThrow(refused)
    expect(() => check('atproto', { scopes: ['atproto', 'repo:a.b.c'] })).toThrow(refused)
    expect(() => check('atproto repo:a.b.c?action=create', { scopes: ['atproto', 'repo:a.b.c'] })).toThrow(refused)
    expect(check('atproto repo:*', { scopes: ['atproto', 'repo:a.b.c'] })).toEqual(['atproto', 'repo:a.b.c'])
  })

  it('may lack what is optional', () => {
    const optionalScopes = ['transition:email', 'repo:a.b.c']
    expect(check('atproto', { optionalScopes })).toEqual(['atproto'])
    expect(check('atproto transition:email', { optionalScopes })).toEqual(['atproto', 'transition:email'])
  })

  it('must hold one of those for which alone the flow is', () => {
    const asked = { optionalScopes: ['transition:email', 'repo:a.b.c'], needsOptional: true }
    expect(() => check('atproto', asked)).toThrow(refused)
    expect(check('atproto repo:a.b.c', asked)).toEqual(['atproto', 'repo:a.b.c'])
  })

  it.each([
    ['all of a set', KNOWN, 'repo?collection=app.checked.note&collection=app.checked.tag', true],
    ['a part of a set', KNOWN, 'repo:app.checked.tag', true],
    ['something in its place that nobody here knows', UNKNOWN, 'repo:app.nowhere.note', true],
    ['nothing of a set', KNOWN, 'repo:app.other.note', false],
    ['nothing of a set that nobody here knows', UNKNOWN, 'blob:*/*', false],
  ])('with %s', (_title, set, granted, isEnough) => {
    const scopes = ['atproto', set]
    if (isEnough) expect(check(`atproto ${granted}`, { scopes })).toEqual(scopes)
    else expect(() => check(`atproto ${granted}`, { scopes })).toThrow(refused)
  })
})
