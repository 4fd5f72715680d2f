import { z } from 'zod'
import { declaredScopes, parseScope, unionOfScopes } from '../../atproto/scope.ts'
import type { Config } from '../../config/config.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { SessionToken } from '../../sessions/token.ts'
import type { Viewer } from '../../sessions/viewer.ts'
import { type Admission, auditAdmission, NotAdmitted, requireExistingGroup } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { keptScopes } from '../kept-scopes.ts'
import { type Starter, starterOf, starterSchema } from '../starter.ts'

/** `scopes`: the scopes to add. */
export type ScopeUpgradeRequest = { viewer: Viewer; scopes: readonly string[] }

/**
 * Replaces the viewer's session with one that has more scopes: those it has, and those asked for.
 * @throws GatewayError from `start`: BAD_USER_INPUT, SCOPE_NOT_OFFERED, FORBIDDEN
 */
export const scopeUpgrade = defineFlow({
  kind: 'scope_upgrade',
  purpose: z.object({ starter: starterSchema }),
  prompt: null,
  outcome: { scope_upgraded: 'true' },
  welcomesNewcomers: false,
  announces: 'SCOPES_UPGRADED',
  start({ config }, { viewer, scopes }: ScopeUpgradeRequest) {
    const starter = starterOf(viewer)
    const added = requireOffered(config, scopes)
    return {
      input: starter.did,
      scopes: unionOfScopes(keptScopes(config, viewer), added),
      account: starter.did,
      purpose: { starter },
    }
  },
  starter: ({ starter }) => starter,
  session: (_purpose, context) => clientSession(context),
  admit: (admission, { starter }) => admitInPlace(admission, starter),
})

function requireOffered(config: Config, scopes: readonly string[]): string[] {
  const declared = declaredScopes(config)
  const added = scopes.flatMap(parseScope)
  if (added.length === 0) throw new GatewayError('BAD_USER_INPUT', 'Name at least one scope to add.')
  const unknown = added.filter((scope) => !declared.includes(scope))
  if (unknown.length === 0) return added
  throw new GatewayError('SCOPE_NOT_OFFERED', `This gateway does not offer ${unknown.join(', ')}.`)
}

/** The upgraded session takes the place of the one that it replaces, active or not. */
async function admitInPlace(admission: Admission, { groupId, did }: Starter): Promise<SessionToken | null> {
  const { rows, session, now } = admission
  requireExistingGroup(admission, groupId)
  const replaced = await rows.tx.session.findFirst({ where: { groupId, did } })
  if (replaced === null) throw new NotAdmitted('the session to replace has ended')
  await rows.end({ id: replaced.id }, { keepGroup: true })
  await auditAdmission(admission, 'scope_upgraded', session)
  const joined = await rows.join(session, { groupId, linkedAt: replaced.linkedAt, now })
  return replaced.isActive ? rows.activate(joined, now) : null
}
