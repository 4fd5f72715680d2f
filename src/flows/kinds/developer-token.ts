import { z } from 'zod'
import { parseScope, scopesToAsk, unionOfScopes } from '../../atproto/scope.ts'
import type { Config } from '../../config/config.ts'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { AccountSession, Client } from '../../sessions/client.ts'
import type { Viewer } from '../../sessions/viewer.ts'
import { auditAdmission } from '../admission.ts'
import { defineFlow } from '../flow-definition.ts'
import { keptScopes } from '../kept-scopes.ts'
import { requireOffered } from '../offered-scopes.ts'
import { starterSchema } from '../starter.ts'

/**
 * `expiresInDays`: null asks for the default, 0 for the longest allowed. `scopes`: null asks for those of the session.
 */
export type DeveloperTokenRequest = {
  client: Client
  viewer: Viewer
  name: string | null
  expiresInDays: number | null
  scopes: readonly string[] | null
}

/** The longest name of a developer token, in characters. */
const LONGEST_NAME = 100

/**
 * Creates a developer token with a grant of its own, with the scopes of the viewer's session or fewer. It is in no
 * group.
 * @throws GatewayError from `start`: BAD_USER_INPUT, SCOPE_NOT_OFFERED, SCOPE_UPGRADE_REQUIRED
 */
export const developerToken = defineFlow({
  kind: 'developer_token',
  purpose: z.object({ starter: starterSchema, name: z.string().nullable(), days: z.number() }),
  // Without it a server may grant again in silence, and a script on an allowed origin could mint a long-lived bearer
  // token.
  prompt: 'consent',
  outcome: { dev_token: 'true' },
  welcomesNewcomers: false,
  staysInGroup: false,
  start(gateway, { client, viewer, name, expiresInDays, scopes }: DeveloperTokenRequest) {
    const { session } = viewer
    const { did } = session
    const asked = scopes === null ? allScopes(gateway, session) : chosenScopes(gateway, session, scopes)
    const days = tokenDays(gateway.config, expiresInDays)
    const purpose = { starter: { groupId: client.group.id, did }, name: tokenName(name), days }
    return { input: did, ...asked, account: did, purpose }
  },
  starter: ({ starter }) => starter,
  session: ({ name, days }) => ({ kind: 'DEVELOPER_TOKEN', name, days }),
  async admit(admission) {
    const { rows, session, shown, now } = admission
    await auditAdmission(admission, 'developer_token_created')
    const token = await rows.mintDeveloperToken(session, now)
    return { sessionId: session.id, token, isActive: shown?.group.activeDid === session.did }
  },
})

type Asked = { scopes: readonly string[]; optionalScopes?: readonly string[] }

/** A session granted before OAUTH_SCOPE was widened cannot pass it on: the account has to agree to the rest first. */
function allScopes(gateway: Gateway, session: AccountSession): Asked {
  const { requiredScopes } = gateway.config.oauth
  requireHeld(gateway, requiredScopes, session)
  const scopes = unionOfScopes(requiredScopes)
  return { scopes, optionalScopes: keptScopes(gateway, session).filter((scope) => !scopes.includes(scope)) }
}

/** Who names scopes gets all of them or no token. `atproto` is part of every grant. */
function chosenScopes(gateway: Gateway, session: AccountSession, scopes: readonly string[]): Asked {
  const chosen = requireOffered(gateway.config, scopes)
  requireHeld(gateway, chosen, session)
  return { scopes: unionOfScopes(['atproto'], chosen) }
}

function requireHeld({ atproto }: Gateway, scopes: readonly string[], { grant }: AccountSession): void {
  const missing = scopesToAsk(scopes, parseScope(grant.scope), atproto.permissionSets.find)
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
