import { IncludeScope } from '@atproto/oauth-scopes'
import { operationsOf } from './operations.ts'
import { expansionOf, type KnownSets, namespaceOf } from './permission-set.ts'
import { permissionsOf } from './permissions.ts'

/**
 * How much of a scope is granted. Of a permission set: `whole` when the server has granted all that it holds, `part`
 * when it has granted something else in the set's namespace (another version of the set, as a rule), `unknown` when it
 * has granted something there and nobody here knows what the set holds, and `none`. Other scopes are granted or not:
 * `whole` or `none`.
 */
export type Coverage = 'whole' | 'part' | 'unknown' | 'none'

/** Granted scopes, to compare others with. */
export interface HeldScopes {
  coverageOf(scope: string): Coverage
}

/**
 * Prepares a comparison with granted scopes, both in normal form. A scope is covered by itself, by wider ones, by
 * several that together allow as much, by `transition:` scopes, and by permission sets.
 * @param sets what permission sets hold
 */
export function heldScopes(granted: readonly string[], sets: KnownSets): HeldScopes {
  const held = new Set(granted.flatMap((scope) => [scope, ...(expansionOf(scope, sets) ?? [])]))
  const permissions = permissionsOf([...held])

  const operationsHeld = (scope: string) => operationsOf(scope)?.map((isAllowed) => isAllowed(permissions)) ?? []
  const covers = (scope: string) => held.has(scope) || isAllTrue(operationsHeld(scope))

  function coverageOfSet(include: IncludeScope, scopes: readonly string[] | null): Coverage {
    const namespace = namespaceOf(include)
    if (scopes === null) {
      if (permissions.allowsAllOf(namespace)) return 'whole'
      return permissions.reaches(namespace) ? 'unknown' : 'none'
    }
    if (scopes.every(covers)) return 'whole'
    return permissions.reaches(namespace) ? 'part' : 'none'
  }

  return {
    coverageOf(scope) {
      if (covers(scope)) return 'whole'
      const include = IncludeScope.fromString(scope)
      return include === null ? 'none' : coverageOfSet(include, expansionOf(scope, sets))
    },
  }
}

function isAllTrue(answers: readonly boolean[]): boolean {
  return answers.length > 0 && answers.every((answer) => answer)
}
