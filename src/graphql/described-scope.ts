import { declaredScopes, parseScope, scopesToAsk } from '../atproto/scope.ts'
import { type DescribedScope as DescribedScopeShape, describeScopes } from '../atproto/scopes/described-scopes.ts'
import type { Gateway } from '../gateway.ts'
import type { AccountSession } from '../sessions/client.ts'
import { builder } from './builder.ts'

/** A scope in words. */
export const DescribedScope = builder.objectRef<DescribedScopeShape>('DescribedScope').implement({
  description: 'An OAuth scope in words.',
  fields: (t) => ({
    scope: t.exposeString('scope', {
      description: 'The scope, as grantedScopes, missingScopes and offeredScopes name it.',
    }),
    title: t.exposeString('title', {
      description:
        'What it allows, such as "Create app.example.post records". A permission set has the title that it is published with.',
    }),
    detail: t.exposeString('detail', {
      nullable: true,
      description: 'What the publisher of a permission set says of it; null for other scopes.',
    }),
    includedBy: t.exposeString('includedBy', {
      nullable: true,
      description:
        'The permission set (include:…) in whose place the authorization server has granted this scope; null for all others.',
    }),
  }),
})

/** Every scope that a session has or could have, in words. */
export function describedScopes(
  { config, atproto }: Pick<Gateway, 'config' | 'atproto'>,
  { askedScope, grant }: AccountSession,
): DescribedScopeShape[] {
  const { find } = atproto.permissionSets
  const granted = parseScope(grant.scope)
  const asked = parseScope(askedScope ?? '')
  return describeScopes({ granted, asked, others: scopesToAsk(declaredScopes(config), granted, find) }, find)
}
