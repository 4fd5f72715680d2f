import type { CurrentUserPartsFragment, DescribedScopePartsFragment } from '../generated/graphql.ts'

type Scopes = Pick<CurrentUserPartsFragment, 'grantedScopes' | 'describedScopes'>

/** What an account has allowed as one: a scope, or a permission set with the scopes that it holds. */
export type Allowed = { described: DescribedScopePartsFragment; holds: DescribedScopePartsFragment[] }

/** What the account has allowed, as it was asked for. */
export function allowedScopes({ grantedScopes, describedScopes }: Scopes): Allowed[] {
  return describedScopes
    .filter(({ includedBy }) => includedBy === null)
    .map((described) => ({
      described,
      holds: describedScopes.filter(({ includedBy }) => includedBy === described.scope),
    }))
    .filter(({ described, holds }) => holds.length > 0 || grantedScopes.includes(described.scope))
}

/** Those of the scopes that are described, in their order. */
export function described({ describedScopes }: Pick<Scopes, 'describedScopes'>, scopes: readonly string[]) {
  return scopes.flatMap((scope) => describedScopes.find((each) => each.scope === scope) ?? [])
}
