import type { LexiconPermissionSet } from '@atproto/oauth-scopes'
import type { KnownSets, PermissionSet } from '../../src/atproto/scopes/permission-set.ts'

/** A permission as a lexicon writes it, without its type. */
export type Permission = { resource: 'repo' | 'rpc' | 'blob' } & Record<string, unknown>

/** What a test says of a permission set. */
export type SetOptions = { title?: string; detail?: string; permissions?: readonly Permission[] }

/** The main definition of a permission set's lexicon. */
export function aDefinition({ permissions = [], ...texts }: SetOptions = {}): LexiconPermissionSet {
  const typed = permissions.map((permission) => ({ type: 'permission', ...permission }))
  return { type: 'permission-set', ...texts, permissions: typed } as LexiconPermissionSet
}

export function aPermissionSet(nsid: string, options: SetOptions = {}): PermissionSet {
  return { nsid, definition: aDefinition(options) }
}

/** Knows these sets and no others. */
export function knownSets(...sets: readonly PermissionSet[]): KnownSets {
  return (nsid) => sets.find((set) => set.nsid === nsid) ?? null
}

/** `repo` permission for records of these collections. */
export const writes = (collection: string[], action?: string[]): Permission => ({
  resource: 'repo',
  collection,
  ...(action && { action }),
})

/** `rpc` permission for these methods of any service. */
export const calls = (...lxm: string[]): Permission => ({ resource: 'rpc', lxm, aud: '*' })
