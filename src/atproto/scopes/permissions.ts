import {
  AccountPermission,
  BlobPermission,
  IdentityPermission,
  type RepoAction,
  RepoPermission,
  RpcPermission,
} from '@atproto/oauth-scopes'

/**
 * What a list of scopes allows, as the reference server decides it (`ScopePermissionsTransition`), but with each scope
 * parsed once: a grant with permission sets has dozens, and each request asks about all of them.
 */
export interface Permissions {
  allowsRepo(operation: { collection: string; action: RepoAction }): boolean
  allowsRpc(operation: { aud: string; lxm: string }): boolean
  allowsBlob(operation: { mime: string }): boolean
  allowsAccount(operation: Parameters<AccountPermission['matches']>[0]): boolean
  allowsIdentity(operation: Parameters<IdentityPermission['matches']>[0]): boolean
  /** Whether a scope reaches records or methods of this namespace, given as `app.example.`. */
  reaches(namespace: string): boolean
  /** Whether every record and every method of this namespace is allowed, whatever their names. */
  allowsAllOf(namespace: string): boolean
}

const CHAT = 'chat.bsky.'

export function permissionsOf(scopes: readonly string[]): Permissions {
  const [generic, email, chat] = ['generic', 'email', 'chat.bsky'].map((name) => scopes.includes(`transition:${name}`))
  const repo = scopes.flatMap((scope) => RepoPermission.fromString(scope) ?? [])
  const rpc = scopes.flatMap((scope) => RpcPermission.fromString(scope) ?? [])
  const blob = scopes.flatMap((scope) => BlobPermission.fromString(scope) ?? [])
  const account = scopes.flatMap((scope) => AccountPermission.fromString(scope) ?? [])
  const identity = scopes.flatMap((scope) => IdentityPermission.fromString(scope) ?? [])
  const names = [...repo.flatMap(({ collection }) => collection), ...rpc.flatMap(({ lxm }) => lxm)]

  const allowsAllOf = (namespace: string) => generic === true && (chat === true || !namespace.startsWith(CHAT))

  return {
    allowsRepo: (operation) =>
      generic === true ||
      repo.some((permission) => permission.matches(operation as Parameters<typeof permission.matches>[0])),
    allowsRpc: ({ aud, lxm }) => {
      const isTransitional = lxm.startsWith(CHAT) ? chat : generic
      return (
        isTransitional === true ||
        rpc.some((permission) => permission.matches({ aud, lxm } as Parameters<typeof permission.matches>[0]))
      )
    },
    allowsBlob: (operation) => generic === true || blob.some((permission) => permission.matches(operation)),
    allowsAccount: (operation) =>
      (email === true && operation.attr === 'email' && operation.action === 'read') ||
      account.some((permission) => permission.matches(operation)),
    allowsIdentity: (operation) => identity.some((permission) => permission.matches(operation)),
    reaches: (namespace) => allowsAllOf(namespace) || names.some((name) => name === '*' || name.startsWith(namespace)),
    allowsAllOf,
  }
}
