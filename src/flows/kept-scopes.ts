import { declaredScopes, parseScope, unionOfScopes } from '../atproto/scope.ts'
import type { Config } from '../config/config.ts'
import type { AccountSession } from '../sessions/client.ts'

/** The required scopes, and those of the session that are still declared: a server would refuse the others. */
export function keptScopes(config: Config, { grant }: Pick<AccountSession, 'grant'>): string[] {
  const declared = declaredScopes(config)
  const granted = parseScope(grant.scope).filter((scope) => declared.includes(scope))
  return unionOfScopes(config.oauth.requiredScopes, granted)
}
