import { IncludeScope, type LexiconPermissionSet } from '@atproto/oauth-scopes'

/** A published bundle of permissions (Lexicon, "Permission Sets"), which `include:<nsid>` asks for as one. */
export type PermissionSet = { nsid: string; definition: LexiconPermissionSet }

/** Finds a permission set among those that are known now, without a look-up; null for one that is not. */
export type KnownSets = (nsid: string) => PermissionSet | null

/** Knows no permission set. */
export const NO_SETS: KnownSets = () => null

const expansions = new WeakMap<PermissionSet, Map<string, string[]>>()

/**
 * The granular scopes that an authorization server grants in the place of an `include:`, in normal form. As on the
 * reference server, what is outside the set's own namespace counts for nothing, and permissions that inherit their
 * audience need one in the scope.
 */
export function expandInclude(include: IncludeScope, set: PermissionSet): string[] {
  const known = expansions.get(set) ?? new Map<string, string[]>()
  expansions.set(set, known)
  const key = include.aud ?? ''
  const expanded = known.get(key) ?? include.toScopes(set.definition)
  known.set(key, expanded)
  return expanded
}

/** What a permission set holds; null for other scopes, and for a set that is not known. */
export function expansionOf(scope: string, sets: KnownSets): string[] | null {
  const include = IncludeScope.fromString(scope)
  const set = include === null ? null : sets(include.nsid)
  return include === null || set === null ? null : expandInclude(include, set)
}

/** The namespace of a permission set with the dot after it: `app.example.` for `app.example.authFull`. */
export function namespaceOf({ nsid }: Pick<IncludeScope, 'nsid'>): string {
  return nsid.slice(0, nsid.lastIndexOf('.') + 1)
}

/** The permission sets that scopes ask for, each once. */
export function setsOf(scopes: readonly string[]): string[] {
  return [...new Set(scopes.flatMap((scope) => IncludeScope.fromString(scope)?.nsid ?? []))]
}
