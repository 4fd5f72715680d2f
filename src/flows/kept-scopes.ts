import { declaredScopes, parseScope, refusedScopes, unionOfScopes } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import type { AccountSession } from '../sessions/client.ts'

type Asked = { askedScope: string | null; grant: Pick<AccountSession['grant'], 'scope'> }

/**
 * What to ask for so that an account keeps what it has: the required scopes, and those that the session was asked for
 * and has, if they are still declared. A server would refuse the others, and what it grants for a permission set too.
 */
export function keptScopes({ config, atproto }: Pick<Gateway, 'config' | 'atproto'>, session: Asked): string[] {
  const declared = declaredScopes(config)
  const granted = parseScope(session.grant.scope)
  const asked = session.askedScope === null ? granted : parseScope(session.askedScope)
  const refused = refusedScopes(asked, granted, atproto.permissionSets.find)
  const kept = asked.filter((scope) => declared.includes(scope) && !refused.includes(scope))
  return unionOfScopes(config.oauth.requiredScopes, kept)
}
