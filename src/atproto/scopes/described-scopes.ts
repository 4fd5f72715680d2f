import { IncludeScope, RepoPermission, RpcPermission } from '@atproto/oauth-scopes'
import { type HeldScopes, heldScopes } from './held-scopes.ts'
import { expansionOf, type KnownSets, namespaceOf } from './permission-set.ts'
import { type ScopeWords, wordsForScope } from './scope-words.ts'

/** A scope in words. `includedBy`: the permission set in whose place the server has granted it, if any. */
export type DescribedScope = ScopeWords & { scope: string; includedBy: string | null }

type Scopes = {
  granted: readonly string[]
  /** What the server was asked for and has not refused. */
  asked: readonly string[]
  /** Further scopes to describe. */
  others: readonly string[]
}

/**
 * Describes scopes, each once: the granted ones with the permission sets that they come from, each set before what it
 * holds, and then others.
 */
export function describeScopes({ granted, asked, others }: Scopes, sets: KnownSets): DescribedScope[] {
  const described = new Map<string, DescribedScope>()
  function describe(scope: string, includedBy: string | null): void {
    if (!described.has(scope)) described.set(scope, { scope, includedBy, ...wordsForScope(scope, sets) })
  }

  const askedFor = askedSets(asked, sets)
  const held = granted.map((scope) => ({ scope, source: asked.includes(scope) ? null : sourceOf(scope, askedFor) }))
  for (const { scope, source } of held) {
    describe(source ?? scope, null)
    if (source === null) continue
    for (const each of held) if (each.source === source) describe(each.scope, source)
  }
  for (const scope of others) describe(scope, null)
  return [...described.values()]
}

/** A permission set that was asked for, and what it holds, if that is known. */
type Asked = { include: string; held: HeldScopes | null }

function askedSets(asked: readonly string[], sets: KnownSets): Asked[] {
  const includes = asked.filter((scope) => IncludeScope.fromString(scope) !== null)
  return includes.map((include) => {
    const expansion = expansionOf(include, sets)
    return { include, held: expansion === null ? null : heldScopes(expansion, sets) }
  })
}

/** The set that holds a granted scope; else the one in whose namespace it is, of which another version held it. */
function sourceOf(scope: string, askedFor: readonly Asked[]): string | null {
  const source =
    askedFor.find(({ held }) => held?.coverageOf(scope) === 'whole') ??
    askedFor.find(({ include }) => isInNamespace(scope, include))
  return source?.include ?? null
}

function isInNamespace(scope: string, includeScope: string): boolean {
  const include = IncludeScope.fromString(includeScope)
  const names = RepoPermission.fromString(scope)?.collection ?? RpcPermission.fromString(scope)?.lxm ?? []
  return include !== null && names.length > 0 && names.every((name) => name.startsWith(namespaceOf(include)))
}
