import {
  type AccountPermission,
  type IdentityPermission,
  isAtprotoOauthScope,
  type RepoPermission,
  type RpcPermission,
  ScopePermissionsTransition,
} from '@atproto/oauth-scopes'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { missingScopes, parseScope, refusedScopes, scopesToAsk } from '../../../src/atproto/scope.ts'
import { heldScopes } from '../../../src/atproto/scopes/held-scopes.ts'
import { NO_SETS } from '../../../src/atproto/scopes/permission-set.ts'
import { aPermissionSet, calls, knownSets, writes } from '../../support/permission-sets.ts'

const FULL = 'include:app.example.authFull'

const sets = knownSets(
  aPermissionSet('app.example.authFull', {
    permissions: [
      writes(['app.example.note', 'app.example.tag']),
      writes(['app.example.draft'], ['create', 'delete']),
      calls('app.example.search'),
      // Neither is ever granted by the set.
      writes(['com.elsewhere.note']),
      { resource: 'blob', accept: ['*/*'] },
    ],
  }),
  aPermissionSet('app.example.authNotes', { permissions: [writes(['app.example.note'])] }),
  aPermissionSet('app.example.authCalls', {
    permissions: [{ resource: 'rpc', lxm: ['app.example.a'], inheritAud: true }],
  }),
  aPermissionSet('chat.bsky.authFull', { permissions: [calls('chat.bsky.convo.getLog')] }),
)

/** What the PDS grants for the full set. */
const GRANTED = [
  'repo?collection=app.example.note&collection=app.example.tag',
  'repo:app.example.draft?action=create&action=delete',
  'rpc:app.example.search?aud=*',
  'atproto',
]

describe('the coverage of a permission set', () => {
  it.each([
    ['all that it holds', GRANTED, 'whole'],
    ['itself', [FULL], 'whole'],
    ['wider scopes', ['repo:*', 'rpc:app.example.search?aud=*'], 'whole'],
    ['transition:generic', ['transition:generic'], 'whole'],
    [
      'several scopes that together allow it',
      [...GRANTED.slice(1), 'repo:app.example.note', 'repo:app.example.tag'],
      'whole',
    ],
    ['an older version', ['repo:app.example.note', 'atproto'], 'part'],
    ['something else in its namespace', ['repo:app.example.other'], 'part'],
    ['another set of its namespace', ['include:app.example.authNotes'], 'part'],
    ['all records, but no method', ['repo:*'], 'part'],
    ['nothing', ['atproto', 'blob:*/*', 'account:email', 'repo:app.exampleother.note'], 'none'],
  ])('by %s', (_title, granted, coverage) => {
    expect(heldScopes(parseScope(granted.join(' ')), sets).coverageOf(FULL)).toBe(coverage)
  })

  it.each([
    ['something in its namespace', ['repo:app.example.note'], 'unknown'],
    ['all records', ['repo:*'], 'unknown'],
    ['everything there is', ['transition:generic'], 'whole'],
    ['itself', [FULL], 'whole'],
    ['nothing', ['atproto'], 'none'],
  ])('that nobody here knows, by %s', (_title, granted, coverage) => {
    expect(heldScopes(granted, NO_SETS).coverageOf(FULL)).toBe(coverage)
  })

  it('depends on its audience where permissions inherit that', () => {
    const held = heldScopes(['rpc:app.example.a?aud=did:web:one.test%23svc'], sets)
    expect(held.coverageOf('include:app.example.authCalls?aud=did:web:one.test%23svc')).toBe('whole')
    expect(held.coverageOf('include:app.example.authCalls?aud=did:web:two.test%23svc')).toBe('part')
  })

  it('of chats is not given by transition:generic alone', () => {
    expect(heldScopes(['transition:generic'], sets).coverageOf('include:chat.bsky.authFull')).toBe('none')
    expect(
      heldScopes(['transition:generic', 'transition:chat.bsky'], sets).coverageOf('include:chat.bsky.authFull'),
    ).toBe('whole')
  })

  it('decides which scopes are missing, are to be asked for, and were refused', () => {
    const required = ['atproto', FULL, 'include:app.unknown.auth', 'include:app.absent.auth']
    const granted = ['atproto', 'repo:app.example.note', 'repo:app.unknown.note']
    expect(missingScopes(required, granted, sets)).toEqual(required.slice(1))
    expect(scopesToAsk(required, granted, sets)).toEqual([FULL, 'include:app.absent.auth'])
    expect(refusedScopes(required, granted, sets)).toEqual(['include:app.absent.auth'])
  })

  it('covers what a set holds by the set', () => {
    expect(missingScopes(['repo:app.example.note?action=create'], [FULL], sets)).toEqual([])
    expect(missingScopes(['repo:com.elsewhere.note', 'blob:image/png'], [FULL], sets)).toHaveLength(2)
  })
})

const collection = fc.constantFrom('*', 'app.example.note', 'app.example.tag', 'com.other.post')
const lxm = fc.constantFrom('*', 'app.example.search', 'com.other.get', 'chat.bsky.convo.getLog')
const aud = fc.constantFrom('*', 'did:web:one.test%23svc', 'did:web:two.test%23svc')
const accept = fc.constantFrom('*/*', 'image/*', 'image/png', 'video/*', 'video/mp4')
const action = fc.constantFrom('create', 'update', 'delete')
const some = <T>(item: fc.Arbitrary<T>) => fc.uniqueArray(item, { minLength: 1, maxLength: 3 })
const query = (name: string, values: readonly string[]) => values.map((value) => `${name}=${value}`).join('&')

const scope = fc.oneof(
  fc
    .tuple(some(collection), some(action))
    .map(([names, actions]) => `repo?${query('collection', names)}&${query('action', actions)}`),
  some(collection).map((names) => `repo?${query('collection', names)}`),
  fc.tuple(some(lxm), aud).map(([names, audience]) => `rpc?${query('lxm', names)}&aud=${audience}`),
  some(accept).map((types) => `blob?${query('accept', types)}`),
  fc.constantFrom('account:email', 'account:email?action=manage', 'account:repo', 'account:status?action=manage'),
  fc.constantFrom('identity:handle', 'identity:*'),
  fc.constantFrom('atproto', 'transition:generic', 'transition:email', 'transition:chat.bsky', 'com.example.unknown'),
  fc.constantFrom(
    FULL,
    'include:app.example.authNotes',
    'include:app.example.authCalls',
    'include:app.example.authCalls?aud=did:web:one.test%23svc',
    'include:chat.bsky.authFull',
    'include:app.unknown.authFull',
  ),
)
const scopes = fc.array(scope, { maxLength: 6 }).map((list) => parseScope(list.join(' ')))

const covers = (granted: readonly string[], required: readonly string[]) =>
  missingScopes(required, granted, sets).length === 0

describe('covering', () => {
  it('is reflexive', () => {
    fc.assert(
      fc.property(scopes, (list) => covers(list, list)),
      { numRuns: 500 },
    )
  })

  it('is transitive', () => {
    fc.assert(
      fc.property(scopes, scopes, scopes, (a, b, c) => {
        fc.pre(covers(a, b) && covers(b, c))
        return covers(a, c)
      }),
      { numRuns: 300, maxSkipsPerRun: 1000 },
    )
    // By single scopes, of which more than half are comparable to some other.
    const one = scope.map((text) => parseScope(text))
    fc.assert(
      fc.property(scopes, one, one, (a, b, c) => !covers(a, b) || !covers(b, c) || covers(a, c)),
      { numRuns: 5000 },
    )
  })

  it('is monotone: who holds more lacks no more', () => {
    fc.assert(
      fc.property(scopes, scopes, scopes, (required, granted, more) => {
        const before = missingScopes(required, granted, sets)
        const after = missingScopes(required, [...granted, ...more], sets)
        return after.every((each) => before.includes(each))
      }),
      { numRuns: 2000 },
    )
  })

  it('never says that more is missing than is to be asked for, and than was refused', () => {
    fc.assert(
      fc.property(scopes, scopes, (required, granted) => {
        const missing = missingScopes(required, granted, sets)
        const asked = scopesToAsk(required, granted, sets)
        const refused = refusedScopes(required, granted, sets)
        return asked.every((each) => missing.includes(each)) && refused.every((each) => asked.includes(each))
      }),
      { numRuns: 2000 },
    )
  })

  it("agrees with the reference server's own permissions, operation by operation", () => {
    // `rpc:*?aud=*` is no scope.
    const granular = scope.filter((text) => /^(repo|rpc|blob|account|identity)/.test(text) && isAtprotoOauthScope(text))
    fc.assert(
      fc.property(granular, scopes, (text, granted) => {
        const [required = text] = parseScope(text)
        const plain = granted.filter((each) => !each.startsWith('include:'))
        const lacking = operations.filter(
          (operation) =>
            operation(new ScopePermissionsTransition([required])) && !operation(new ScopePermissionsTransition(plain)),
        )
        return covers(plain, [required]) === (lacking.length === 0)
      }),
      { numRuns: 3000 },
    )
  })
})

type Reference = ScopePermissionsTransition
type Options = {
  repo: Parameters<RepoPermission['matches']>[0]
  rpc: Parameters<RpcPermission['matches']>[0]
  account: Parameters<AccountPermission['matches']>[0]
  identity: Parameters<IdentityPermission['matches']>[0]
}

const product = <A, B, R>(as: readonly A[], bs: readonly B[], join: (a: A, b: B) => R) =>
  as.flatMap((a) => bs.map((b) => join(a, b)))

/** Every operation that tells two scopes of the tests apart, with names that none of them has besides. */
const operations: ((reference: Reference) => boolean)[] = [
  ...product(
    ['*', 'app.example.note', 'app.example.tag', 'com.other.post', 'net.third.thing'],
    ['create', 'update', 'delete'],
    (name, act) => (reference: Reference) => reference.allowsRepo({ collection: name, action: act } as Options['repo']),
  ),
  ...product(
    ['*', 'app.example.search', 'com.other.get', 'chat.bsky.convo.getLog', 'chat.bsky.convo.other', 'net.third.get'],
    ['*', 'did:web:one.test#svc', 'did:web:two.test#svc', 'did:web:three.test#svc'],
    (name, audience) => (reference: Reference) => reference.allowsRpc({ lxm: name, aud: audience } as Options['rpc']),
  ),
  ...['image/png', 'image/gif', 'video/mp4', 'video/ogg', 'text/plain'].map(
    (mime) => (reference: Reference) => reference.allowsBlob({ mime }),
  ),
  ...product(
    ['email', 'repo', 'status'],
    ['read', 'manage'],
    (attr, act) => (reference: Reference) => reference.allowsAccount({ attr, action: act } as Options['account']),
  ),
  ...['handle', '*'].map((attr) => (reference: Reference) => reference.allowsIdentity({ attr } as Options['identity'])),
]
