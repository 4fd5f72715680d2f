import { expect, it } from 'vitest'
import { NO_SETS } from '../../../src/atproto/scopes/permission-set.ts'
import { wordsForScope } from '../../../src/atproto/scopes/scope-words.ts'
import { aPermissionSet, knownSets } from '../../support/permission-sets.ts'

it.each([
  ['atproto', 'Know which account is yours'],
  ['transition:email', 'See your email address'],
  ['repo:app.example.post?action=create', 'Create app.example.post records'],
  ['repo:app.example.post', 'Create, change and delete app.example.post records'],
  ['repo?collection=app.a.one&collection=app.a.two&action=delete', 'Delete app.a.one and app.a.two records'],
  ['repo:*?action=create&action=update', 'Create and change records of every kind'],
  ['blob:image/*', 'Upload images'],
  ['blob?accept=image/*&accept=video/mp4', 'Upload images and video/mp4 files'],
  ['blob:*/*', 'Upload files of every kind'],
  ['rpc:app.example.search?aud=*', 'Call app.example.search of any service as you'],
  ['rpc:*?aud=did:web:api.example.com%23api', 'Call every method of did:web:api.example.com#api as you'],
  ['account:email', 'See your email address'],
  ['account:email?action=manage', 'See and change your email address'],
  ['account:repo?action=manage', 'Replace all your records by those of a file'],
  ['identity:handle', 'Change your handle'],
  ['identity:*', 'Change your handle, your server and your keys'],
  ['com.example.unknown', 'com.example.unknown'],
])('%s is: %s', (scope, title) => {
  expect(wordsForScope(scope, NO_SETS)).toEqual({ title, detail: null })
})

it('a permission set is named as it is published', () => {
  const sets = knownSets(aPermissionSet('app.example.authFull', { title: 'Your notes', detail: 'Write notes.' }))
  expect(wordsForScope('include:app.example.authFull?aud=did:web:a.test%23x', sets)).toEqual({
    title: 'Your notes',
    detail: 'Write notes.',
  })
})

it('a permission set that is not known, or has no title, is named by its NSID', () => {
  const title = 'The permissions of app.example.authFull'
  expect(wordsForScope('include:app.example.authFull', NO_SETS)).toEqual({ title, detail: null })
  const untitled = knownSets(aPermissionSet('app.example.authFull', { title: ' \u202e' }))
  expect(wordsForScope('include:app.example.authFull', untitled)).toEqual({ title, detail: null })
})

it('what a stranger publishes is short, and does not hide or reorder what stands beside it', () => {
  const sets = knownSets(
    aPermissionSet('app.example.authFull', { title: `\u202eevil\0${'x'.repeat(1000)}`, detail: 'y'.repeat(5000) }),
  )
  const { title, detail } = wordsForScope('include:app.example.authFull', sets)
  expect(title).toBe(`evil${'x'.repeat(196)}`)
  expect(detail).toHaveLength(1000)
})
