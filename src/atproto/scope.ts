import {
  AccountPermission,
  BlobPermission,
  IdentityPermission,
  normalizeAtprotoOauthScopeValue,
  RepoPermission,
  RpcPermission,
  ScopePermissionsTransition,
} from '@atproto/oauth-scopes'

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

/** Those of the required scopes that the granted ones do not cover. */
export function missingScopes(required: readonly string[], granted: readonly string[]): string[] {
  const held = unionOfScopes(granted)
  return unionOfScopes(required).filter((scope) => !isCovered(scope, held))
}

/**
 * Whether granted scopes allow everything that a scope stands for: the scope itself, a wider one, or a `transition:`
 * scope. A permission set (`include:`) is covered by itself alone: what it holds is known only where it is published.
 */
function isCovered(scope: string, held: readonly string[]): boolean {
  if (held.includes(scope)) return true
  const granted = new ScopePermissionsTransition(held)
  const repo = RepoPermission.fromString(scope)
  if (repo !== null) {
    return repo.collection.every((collection) =>
      repo.action.every((action) => granted.allowsRepo({ collection, action })),
    )
  }
  const rpc = RpcPermission.fromString(scope)
  if (rpc !== null) return rpc.lxm.every((lxm) => granted.allowsRpc({ aud: rpc.aud, lxm }))
  const blob = BlobPermission.fromString(scope)
  if (blob !== null) return blob.accept.every((accept) => granted.allowsBlob({ mime: representative(accept) }))
  const account = AccountPermission.fromString(scope)
  if (account !== null) {
    return account.action.every((action) => granted.allowsAccount({ attr: account.attr, action }))
  }
  const identity = IdentityPermission.fromString(scope)
  return identity !== null && granted.allowsIdentity({ attr: identity.attr })
}

/** A type that only a pattern as wide as this one accepts: permissions match types, not patterns. */
function representative(accept: string): string {
  return accept.replaceAll('*', 'x-any')
}
