import { normalizeAtprotoOauthScopeValue } from '@atproto/oauth-scopes'
import { heldScopes } from './scopes/held-scopes.ts'
import { type KnownSets, NO_SETS } from './scopes/permission-set.ts'

/**
 * The scopes of an OAuth scope string (RFC 6749 §3.3), each once, in the normal form that authorization servers grant.
 */
export function parseScope(scope: string): string[] {
  const values = scope.split(' ').filter((value) => value !== '')
  return [...new Set(values.map((value) => normalizeAtprotoOauthScopeValue(value) ?? value))]
}

/** The scope string for a list of scopes. */
export function formatScope(scopes: Iterable<string>): string {
  return [...new Set(scopes)].join(' ')
}

/** All the scopes of several lists, each once, in normal form. */
export function unionOfScopes(...lists: (readonly string[])[]): string[] {
  return parseScope(formatScope(lists.flat()))
}

type DeclaredScopes = { oauth: { requiredScopes: readonly string[]; optionalScopes: readonly string[] } }

/** What the client metadata declares: nothing beyond it is ever granted. */
export function declaredScopes({ oauth }: DeclaredScopes): string[] {
  return unionOfScopes(oauth.requiredScopes, oauth.optionalScopes)
}

/**
 * Those of the required scopes that the granted ones do not cover for certain: for decisions about access. A permission
 * set that is not known counts as missing, unless everything in its namespace is granted.
 * @param sets what permission sets hold: `gateway.atproto.permissionSets.find`
 */
export function missingScopes(
  required: readonly string[],
  granted: readonly string[],
  sets: KnownSets = NO_SETS,
): string[] {
  const held = heldScopes(unionOfScopes(granted), sets)
  return unionOfScopes(required).filter((scope) => held.coverageOf(scope) !== 'whole')
}

/**
 * Those of the required scopes that the account has to be asked for. Other than for `missingScopes`, a permission set
 * that is not known and of which the server has granted something needs no asking: it would be asked for again and
 * again.
 * @param sets what permission sets hold: `gateway.atproto.permissionSets.find`
 */
export function scopesToAsk(required: readonly string[], granted: readonly string[], sets: KnownSets): string[] {
  const held = heldScopes(unionOfScopes(granted), sets)
  return unionOfScopes(required).filter((scope) => ['part', 'none'].includes(held.coverageOf(scope)))
}

/** Those of the scopes of which nothing is granted. A permission set that is granted in part is not among them. */
export function refusedScopes(asked: readonly string[], granted: readonly string[], sets: KnownSets): string[] {
  const held = heldScopes(unionOfScopes(granted), sets)
  return unionOfScopes(asked).filter((scope) => held.coverageOf(scope) === 'none')
}
