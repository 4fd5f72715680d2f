import { declaredScopes, missingScopes, parseScope, unionOfScopes } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { linkedSessions } from '../sessions/group.ts'
import { developerTokenDays } from '../sessions/lifetime.ts'
import type { Viewer } from '../sessions/viewer.ts'
import { beginFlow, type FlowReturn, type StartedFlow } from './start.ts'
import { starterOf } from './starter.ts'

type Parts = Pick<Gateway, 'config' | 'clock' | 'ephemeral' | 'sealer' | 'clients' | 'identities' | 'db'>
type Start<T> = FlowReturn & { viewer: Viewer } & T

/** The longest name of a developer token, in characters. */
const LONGEST_NAME = 100

/**
 * Begins to link another account to the viewer's group. The account is asked for its password anew (`prompt=login`).
 * @throws GatewayError as `beginFlow`, and INVALID_HANDLE, HANDLE_NOT_FOUND, ALREADY_LINKED, FORBIDDEN
 */
export async function startAddAccount(
  gateway: Parts,
  { viewer, handle, ...flowReturn }: Start<{ handle: string }>,
): Promise<StartedFlow> {
  const starter = starterOf(viewer)
  const input = await gateway.identities.find(handle)
  const { did } = await gateway.identities.resolver.resolve(input)
  const linked = await gateway.db.session.findFirst({
    where: { AND: [linkedSessions(starter.groupId, new Date(gateway.clock())), { did }] },
    select: { credential: { select: { state: true } } },
  })
  // One whose grant was lost is added again to mend it.
  if (linked?.credential.state === 'ok') {
    throw new GatewayError('ALREADY_LINKED', `${input} is signed in here already. Switch to it.`)
  }
  return beginFlow(gateway, {
    ...flowReturn,
    purpose: { kind: 'add_account', starter },
    authorization: { input, scopes: gateway.config.oauth.requiredScopes, prompt: 'login' },
  })
}

/**
 * Begins to replace the viewer's session by one with more scopes: those it has, and those asked for.
 * @throws GatewayError as `beginFlow`, and SCOPE_NOT_OFFERED, FORBIDDEN
 */
export async function startScopeUpgrade(
  gateway: Parts,
  { viewer, scopes, ...flowReturn }: Start<{ scopes: readonly string[] }>,
): Promise<StartedFlow> {
  const starter = starterOf(viewer)
  const declared = declaredScopes(gateway.config)
  const asked = scopes.flatMap(parseScope)
  if (asked.length === 0) throw new GatewayError('BAD_USER_INPUT', 'Name at least one scope to add.')
  const unknown = asked.filter((scope) => !declared.includes(scope))
  if (unknown.length > 0) {
    throw new GatewayError('SCOPE_NOT_OFFERED', `This gateway does not offer ${unknown.join(', ')}.`)
  }
  return beginFlow(gateway, {
    ...flowReturn,
    purpose: { kind: 'scope_upgrade', starter },
    authorization: { input: viewer.session.did, scopes: unionOfScopes(keptScopes(gateway, viewer), asked) },
  })
}

/**
 * Begins to create a developer token with a grant of its own, of the scopes that the viewer's session has.
 * @param expiresInDays null asks for the default, 0 for the longest allowed
 * @throws GatewayError as `beginFlow`, and BAD_USER_INPUT, FORBIDDEN, SCOPE_UPGRADE_REQUIRED
 */
export async function startDeveloperToken(
  gateway: Parts,
  request: Start<{ name: string | null; expiresInDays: number | null }>,
): Promise<StartedFlow> {
  const { viewer, name: givenName, expiresInDays, ...flowReturn } = request
  const starter = starterOf(viewer)
  requireScopes(gateway, viewer)
  const days = developerTokenDays(gateway.config, expiresInDays)
  const name = givenName?.trim() || null
  if (name !== null && name.length > LONGEST_NAME) {
    throw new GatewayError('BAD_USER_INPUT', `The name must be no longer than ${LONGEST_NAME} characters.`)
  }
  return beginFlow(gateway, {
    ...flowReturn,
    purpose: { kind: 'developer_token', starter, name, days },
    authorization: { input: viewer.session.did, scopes: keptScopes(gateway, viewer) },
  })
}

/** A session from before the gateway asked for more begets no token: what it may do has to be agreed to first. */
function requireScopes({ config }: Pick<Gateway, 'config'>, { session }: Viewer): void {
  const missing = missingScopes(config.oauth.requiredScopes, parseScope(session.credential.scope))
  if (missing.length === 0) return
  throw new GatewayError(
    'SCOPE_UPGRADE_REQUIRED',
    `This session lacks ${missing.join(', ')}. Call startScopeUpgrade with these scopes first.`,
    { missingScopes: missing },
  )
}

/** What is required and what the session has, as far as it is still declared: the rest, a server would refuse. */
function keptScopes({ config }: Pick<Gateway, 'config'>, { session }: Viewer): string[] {
  const declared = declaredScopes(config)
  const granted = parseScope(session.credential.scope).filter((scope) => declared.includes(scope))
  return unionOfScopes(config.oauth.requiredScopes, granted)
}
