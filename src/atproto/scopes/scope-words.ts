import {
  AccountPermission,
  BlobPermission,
  IdentityPermission,
  IncludeScope,
  RepoPermission,
  RpcPermission,
} from '@atproto/oauth-scopes'
import { displayable } from '../displayable.ts'
import type { KnownSets } from './permission-set.ts'

/** What a scope allows, for people. `detail` is what the publisher of a permission set says of it. */
export type ScopeWords = { title: string; detail: string | null }

/** In characters. What strangers publish may have any length. */
const LONGEST_TITLE = 200
const LONGEST_DETAIL = 1000

/**
 * What a scope allows, in words that keep its parameters. A permission set is named as it is published, if it is known;
 * a scope that is not known is given as it is.
 */
export function wordsForScope(scope: string, sets: KnownSets): ScopeWords {
  const include = IncludeScope.fromString(scope)
  if (include !== null) return wordsForSet(include, sets)
  return { title: STATIC_SCOPES[scope] ?? wordsForPermission(scope) ?? scope, detail: null }
}

function wordsForSet({ nsid }: IncludeScope, sets: KnownSets): ScopeWords {
  const { title = '', detail = '' } = sets(nsid)?.definition ?? {}
  return {
    title: displayable(title).slice(0, LONGEST_TITLE) || `The permissions of ${nsid}`,
    detail: displayable(detail).slice(0, LONGEST_DETAIL) || null,
  }
}

const STATIC_SCOPES: Readonly<Record<string, string>> = {
  atproto: 'Know which account is yours',
  'transition:generic': 'Read and write almost everything, except direct messages',
  'transition:email': 'See your email address',
  'transition:chat.bsky': 'Read and send direct messages',
}

function wordsForPermission(scope: string): string | null {
  const repo = RepoPermission.fromString(scope)
  if (repo !== null) return wordsForRecords(repo)
  const rpc = RpcPermission.fromString(scope)
  if (rpc !== null) return wordsForCalls(rpc)
  const blob = BlobPermission.fromString(scope)
  if (blob !== null) return wordsForUploads(blob)
  const account = AccountPermission.fromString(scope)
  if (account !== null) return wordsForAccount(account)
  const identity = IdentityPermission.fromString(scope)
  return identity === null ? null : IDENTITY[identity.attr]
}

const ACTIONS = { create: 'create', update: 'change', delete: 'delete' } as const

function wordsForRecords({ collection, action }: RepoPermission): string {
  const verbs = capitalized(listed(action.map((each) => ACTIONS[each])))
  return collection.includes('*') ? `${verbs} records of every kind` : `${verbs} ${listed(collection)} records`
}

function wordsForCalls({ aud, lxm }: RpcPermission): string {
  const methods = lxm.includes('*') ? 'every method' : listed(lxm)
  // `did:web:api.example.com#service_id`
  return `Call ${methods} of ${aud === '*' ? 'any service' : aud} as you`
}

/** Types that have a name in plain words. */
const FILES: Readonly<Record<string, string>> = {
  '*/*': 'files of every kind',
  'image/*': 'images',
  'video/*': 'videos',
  'audio/*': 'audio files',
  'text/*': 'text files',
}

function wordsForUploads({ accept }: BlobPermission): string {
  return `Upload ${listed(accept.map((type) => FILES[type] ?? `${type} files`))}`
}

const ACCOUNT = {
  email: { read: 'See your email address', manage: 'See and change your email address' },
  repo: { read: 'See how your repository is stored', manage: 'Replace all your records by those of a file' },
  status: { read: 'See whether your account is active', manage: 'Activate and deactivate your account' },
} as const

function wordsForAccount({ attr, action }: AccountPermission): string {
  return ACCOUNT[attr][action.includes('manage') ? 'manage' : 'read']
}

const IDENTITY = {
  handle: 'Change your handle',
  '*': 'Change your handle, your server and your keys',
} as const

/** `a`, `a and b`, `a, b and c` */
function listed(items: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'conjunction' }).format(items)
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
