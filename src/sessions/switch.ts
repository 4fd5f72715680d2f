import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { findLinkedSession } from './group.ts'
import { requireStillActive } from './still-active.ts'
import type { SessionToken } from './token.ts'
import { requireGroup, type Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Makes another account of the group the active one.
 * @returns the token of its session, which is new
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN
 */
export async function switchAccount(
  gateway: ChangeParts,
  { viewer, targetDid, client }: { viewer: Viewer; targetDid: string; client: ClientInfo },
): Promise<SessionToken> {
  const groupId = requireGroup(viewer)
  if (targetDid === viewer.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are using.')
  }
  const announcing = { groupId, kind: 'ACCOUNT_SWITCHED' } as const
  return withSessionChanges(gateway, { groups: [groupId], announcing }, async (rows) => {
    await requireStillActive(rows.tx, viewer)
    const now = new Date(gateway.runtime.clock())
    const target = await findLinkedSession(rows.tx, { groupId, did: targetDid, now })
    await audit(rows.tx, { now, client, kind: 'account_switched', did: targetDid, sessionId: target.id })
    return rows.activate(target, now)
  })
}
