import { describe, expect, it } from 'vitest'
import { describeScopes } from '../../../src/atproto/scopes/described-scopes.ts'
import { NO_SETS } from '../../../src/atproto/scopes/permission-set.ts'
import { aPermissionSet, knownSets, writes } from '../../support/permission-sets.ts'

const BASIC = 'include:app.example.authBasic'
const FULL = 'include:app.example.authFull'
const sets = knownSets(
  aPermissionSet('app.example.authBasic', { title: 'Notes', permissions: [writes(['app.example.note'])] }),
  aPermissionSet('app.example.authFull', { title: 'All', permissions: [writes(['app.example.draft'])] }),
)

/** Each scope, and behind a `<` the set that it was granted for. */
const shown = (scopes: Parameters<typeof describeScopes>[0], known = sets) =>
  describeScopes(scopes, known).map(({ scope, includedBy }) =>
    includedBy === null ? scope : `${scope} < ${includedBy}`,
  )

describe('described scopes', () => {
  it('are the granted ones, with each set before what it holds, and the others', () => {
    const granted = ['repo:app.example.draft', 'repo:app.example.note', 'atproto', 'blob:*/*']
    const asked = ['atproto', BASIC, FULL, 'blob:*/*']
    expect(shown({ granted, asked, others: ['transition:email'] })).toEqual([
      FULL,
      `repo:app.example.draft < ${FULL}`,
      BASIC,
      `repo:app.example.note < ${BASIC}`,
      'atproto',
      'blob:*/*',
      'transition:email',
    ])
    const [first] = describeScopes({ granted, asked, others: [] }, sets)
    expect(first).toMatchObject({ title: 'All' })
  })

  it('belong to a set, too, of which another version held them, or that is not known', () => {
    const granted = ['atproto', 'repo:app.example.former']
    expect(shown({ granted, asked: ['atproto', FULL], others: [FULL] })).toEqual([
      'atproto',
      FULL,
      `repo:app.example.former < ${FULL}`,
    ])
    expect(shown({ granted, asked: ['atproto', FULL], others: [] }, NO_SETS)).toContain(
      `repo:app.example.former < ${FULL}`,
    )
  })

  it('belong to no set that was not asked for, and to none if they were asked for themselves', () => {
    const granted = ['repo:app.example.note', 'repo:com.other.post', 'rpc:com.other.get?aud=*']
    expect(shown({ granted, asked: ['repo:app.example.note', BASIC], others: [] })).toEqual(granted)
    expect(shown({ granted, asked: [], others: [] })).toEqual(granted)
  })
})
