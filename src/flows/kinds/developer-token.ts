import { z } from 'zod'
import { missingScopes, parseScope } from '../../atproto/scope.ts'
import type { Config } from '../../config/config.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { Viewer } from '../../sessions/viewer.ts'
import { auditAdmission } from '../admission.ts'
import { defineFlow } from '../flow-definition.ts'
import { keptScopes } from '../kept-scopes.ts'
import { starterOf, starterSchema } from '../starter.ts'

/** `expiresInDays`: null asks for the default, 0 for the longest allowed. */
export type DeveloperTokenRequest = { viewer: Viewer; name: string | null; expiresInDays: number | null }

/** The longest name of a developer token, in characters. */
const LONGEST_NAME = 100

/**
 * Creates a developer token with a grant of its own, with the scopes of the viewer's session. It is in no group.
 * @throws GatewayError from `start`: BAD_USER_INPUT, FORBIDDEN, SCOPE_UPGRADE_REQUIRED
 */
export const developerToken = defineFlow({
  kind: 'developer_token',
  purpose: z.object({ starter: starterSchema, name: z.string().nullable(), days: z.number() }),
  // Without it a server may grant again in silence, and a script on an allowed origin could mint a long-lived bearer
  // token.
  prompt: 'consent',
  outcome: { dev_token: 'true' },
  welcomesNewcomers: false,
  announces: null,
  start({ config }, { viewer, name, expiresInDays }: DeveloperTokenRequest) {
    const starter = starterOf(viewer)
    requireScopes(config, viewer)
    const days = tokenDays(config, expiresInDays)
    const purpose = { starter, name: tokenName(name), days }
    return { input: starter.did, scopes: keptScopes(config, viewer), account: starter.did, purpose }
  },
  starter: ({ starter }) => starter,
  session: ({ name, days }) => ({ kind: 'DEVELOPER_TOKEN', name, days }),
  async admit(admission) {
    await auditAdmission(admission, 'developer_token_created', admission.session)
    return admission.rows.activate(admission.session, admission.now)
  },
})

/**
 * A session granted before OAUTH_SCOPE was widened cannot create a token: the account has to agree to the new scopes
 * first.
 */
function requireScopes(config: Config, { session }: Viewer): void {
  const missing = missingScopes(config.oauth.requiredScopes, parseScope(session.grant.scope))
  if (missing.length === 0) return
  throw new GatewayError(
    'SCOPE_UPGRADE_REQUIRED',
    `This session lacks ${missing.join(', ')}. Call startScopeUpgrade with these scopes first.`,
    { missingScopes: missing },
  )
}

function tokenDays(config: Config, expiresInDays: number | null): number {
  const { developerTokenDefaultDays, developerTokenMaxDays } = config
  if (expiresInDays === null) return developerTokenDefaultDays
  if (expiresInDays === 0) return developerTokenMaxDays
  if (expiresInDays > 0 && expiresInDays <= developerTokenMaxDays) return expiresInDays
  throw new GatewayError(
    'BAD_USER_INPUT',
    `expiresInDays must be from 1 to ${developerTokenMaxDays}, or 0 for the longest allowed.`,
  )
}

function tokenName(given: string | null): string | null {
  const name = given?.trim() || null
  if (name === null || name.length <= LONGEST_NAME) return name
  throw new GatewayError('BAD_USER_INPUT', `The name must be no longer than ${LONGEST_NAME} characters.`)
}
