import { z } from 'zod'
import { formatScope, missingScopes, parseScope, unionOfScopes } from '../../atproto/scope.ts'
import type { Gateway } from '../../gateway.ts'
import type { AccountSession, Client } from '../../sessions/client.ts'
import type { Viewer } from '../../sessions/viewer.ts'
import { requireStillSignedIn, withClientChanges } from '../../sessions/with-client-changes.ts'
import { withSessionChanges } from '../../sessions/with-session-changes.ts'
import { type Admission, type Admitted, auditAdmission, NotAdmitted, requireExistingGroup } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { PENDING_FLOW_TTL } from '../flow-lifetime.ts'
import { keptScopes } from '../kept-scopes.ts'
import { requireOffered } from '../offered-scopes.ts'
import { starterSchema } from '../starter.ts'

/** `scopes`: the scopes to add. */
export type ScopeUpgradeRequest = { client: Client; viewer: Viewer; scopes: readonly string[] }

const purposeSchema = z.object({
  starter: starterSchema,
  did: z.string(),
  /** Which sign-in of the account is upgraded: an upgraded session inherits it. */
  authenticatedAt: z.coerce.date(),
})

type Purpose = z.output<typeof purposeSchema>

/**
 * Replaces the viewer's session with one that has more scopes: those it has, and those asked for that the server
 * grants, at least one of them. The client's token goes on. Of two upgrades at once the later one asks for both, so that neither is lost.
 * @throws GatewayError from `start`: BAD_USER_INPUT, SCOPE_NOT_OFFERED, ACCOUNT_CHANGED, UNAUTHENTICATED
 */
export const scopeUpgrade = defineFlow({
  kind: 'scope_upgrade',
  purpose: purposeSchema,
  prompt: null,
  outcome: { scope_upgraded: 'true' },
  welcomesNewcomers: false,
  staysInGroup: true,
  async start(gateway, { client, viewer, scopes }: ScopeUpgradeRequest) {
    const asked = requireOffered(gateway.config, scopes)
    const { session, added } = await recordUpgrade(gateway, { client, viewer, asked })
    const { did, authenticatedAt } = session
    const kept = keptScopes(gateway, session)
    const optionalScopes = added.filter((scope) => !kept.includes(scope))
    return {
      input: did,
      scopes: kept,
      optionalScopes,
      needsOptional: optionalScopes.length > 0,
      account: did,
      purpose: { starter: { groupId: client.group.id, did }, did, authenticatedAt },
    }
  },
  starter: ({ starter }) => starter,
  session: (_purpose, context) => clientSession(context),
  admit: admitInPlace,
  abandon: forgetUpgrades,
})

/** Records what is asked for, and returns it together with what upgrades under way in other tabs ask for. */
async function recordUpgrade(
  gateway: Gateway,
  { client, viewer, asked }: { client: Client; viewer: Viewer; asked: readonly string[] },
): Promise<{ session: AccountSession; added: string[] }> {
  return withClientChanges(gateway, { client }, async ({ rows, client: current, now }) => {
    const session = requireStillSignedIn(current, viewer)
    const { upgradeScopes, upgradeAskedAt } = session
    const isUnderWay = upgradeAskedAt !== null && upgradeAskedAt.getTime() + PENDING_FLOW_TTL > now.getTime()
    const added = unionOfScopes(asked, isUnderWay ? parseScope(upgradeScopes ?? '') : [])
    await rows.askForScopes(session.id, { upgradeScopes: formatScope(added), upgradeAskedAt: now })
    return { session, added }
  })
}

/** What the person has declined is not asked for again by the next upgrade. */
async function forgetUpgrades(gateway: Gateway, { starter, did, authenticatedAt }: Purpose): Promise<void> {
  await withSessionChanges(gateway, { groups: [starter.groupId] }, async (rows) => {
    const where = { groupId: starter.groupId, did, authenticatedAt }
    const session = await rows.tx.session.findFirst({ where, select: { id: true } })
    if (session !== null) await rows.askForScopes(session.id, { upgradeScopes: null, upgradeAskedAt: null })
  })
}

/** The upgraded session takes the place of the one that it replaces, active or not; the client's token goes on. */
async function admitInPlace(admission: Admission, { starter, did, authenticatedAt }: Purpose): Promise<Admitted> {
  const { rows, session, now } = admission
  const { groupId } = starter
  requireExistingGroup(admission, groupId)
  const replaced = await rows.tx.session.findFirst({
    where: { groupId, did, authenticatedAt, expiresAt: { gt: now } },
    include: { grant: { select: { scope: true } }, group: { select: { activeDid: true } } },
  })
  if (replaced === null) throw new NotAdmitted('the session to replace has ended')
  const isActive = replaced.group?.activeDid === did
  if (await isCovered(admission, replaced)) {
    await rows.end({ id: session.id })
    return { sessionId: replaced.id, token: null, isActive }
  }
  const { linkedAt, upgradeScopes, upgradeAskedAt } = replaced
  await rows.join(session, { groupId, linkedAt, authenticatedAt, upgradeScopes, upgradeAskedAt, now })
  await rows.end({ id: replaced.id })
  await auditAdmission(admission, 'scope_upgraded')
  rows.announcements.push({ groupId, kind: 'SCOPES_UPGRADED' })
  return { sessionId: session.id, token: null, isActive }
}

/**
 * Whether the session in place has all that the new one brings, and more: an upgrade that was begun later has been
 * exchanged first.
 * @throws NotAdmitted when each has something that the other lacks
 */
async function isCovered({ rows, session }: Admission, replaced: Obtained): Promise<boolean> {
  const { scope } = await rows.tx.grant.findUniqueOrThrow({ where: { id: session.grantId }, select: { scope: true } })
  const brought = { askedScope: session.askedScope, grant: { scope } }
  const lost = lackingIn(brought, replaced)
  if (lost.length === 0) return false
  if (lackingIn(replaced, brought).length === 0) return true
  throw new NotAdmitted(`another upgrade has granted ${lost.join(', ')}`)
}

type Obtained = { askedScope: string | null; grant: { scope: string } }

/**
 * What one session has obtained and another one has not. Permission sets are compared by their names: what a server
 * grants for one changes with the set.
 */
function lackingIn(lacking: Obtained, having: Obtained): string[] {
  const obtained = parseScope(having.askedScope ?? having.grant.scope)
  return missingScopes(obtained, parseScope(`${lacking.askedScope ?? ''} ${lacking.grant.scope}`))
}
