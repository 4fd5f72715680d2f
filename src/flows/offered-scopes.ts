import { declaredScopes, parseScope } from '../atproto/scope.ts'
import type { Config } from '../config/config.ts'
import { GatewayError } from '../platform/errors.ts'

/**
 * The scopes that a request names, in normal form. Each must stand in the client metadata, or servers refuse it.
 * @throws GatewayError BAD_USER_INPUT, SCOPE_NOT_OFFERED
 */
export function requireOffered(config: Config, scopes: readonly string[]): string[] {
  const declared = declaredScopes(config)
  const asked = scopes.flatMap(parseScope)
  if (asked.length === 0) throw new GatewayError('BAD_USER_INPUT', 'Name at least one scope.')
  const unknown = asked.filter((scope) => !declared.includes(scope))
  if (unknown.length === 0) return asked
  throw new GatewayError('SCOPE_NOT_OFFERED', `This gateway does not offer ${unknown.join(', ')}.`)
}
