import {
  AccountPermission,
  BlobPermission,
  IdentityPermission,
  RepoPermission,
  RpcPermission,
} from '@atproto/oauth-scopes'
import type { Permissions } from './permissions.ts'

/** Whether permissions allow one operation. */
export type Operation = (permissions: Permissions) => boolean

/**
 * The operations that stand for everything a granular scope allows: who may do all of them may do whatever the scope
 * allows. Null for scopes that are no list of operations, such as `atproto`, `transition:` and `include:` scopes.
 */
export function operationsOf(scope: string): Operation[] | null {
  const repo = RepoPermission.fromString(scope)
  if (repo !== null) {
    return repo.collection.flatMap((collection) =>
      repo.action.map(
        (action): Operation =>
          (held) =>
            held.allowsRepo({ collection, action }),
      ),
    )
  }
  const rpc = RpcPermission.fromString(scope)
  if (rpc !== null) {
    return rpc.lxm.flatMap(methodsOf).map(
      (lxm): Operation =>
        (held) =>
          held.allowsRpc({ aud: rpc.aud, lxm }),
    )
  }
  const blob = BlobPermission.fromString(scope)
  if (blob !== null) {
    return blob.accept.map(mimeOf).map(
      (mime): Operation =>
        (held) =>
          held.allowsBlob({ mime }),
    )
  }
  const account = AccountPermission.fromString(scope)
  if (account !== null) {
    const { attr } = account
    return account.action.map(
      (action): Operation =>
        (held) =>
          held.allowsAccount({ attr, action }),
    )
  }
  const identity = IdentityPermission.fromString(scope)
  if (identity !== null) return [(held) => held.allowsIdentity({ attr: identity.attr })]
  return null
}

/** `transition:generic` allows all methods but those of chats, which `*` includes. */
function methodsOf(lxm: string): string[] {
  return lxm === '*' ? ['*', 'chat.bsky.*'] : [lxm]
}

/** A type that only a pattern as wide as this one accepts: permissions match types, not patterns. */
function mimeOf(accept: string): string {
  return accept.replaceAll('*', 'x-any')
}
