import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { findLinkedSession } from './group.ts'
import { requireStillActive } from './still-active.ts'
import { requireGroup, type Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Signs another account of the viewer's group out. The viewer's own session goes on as it was, so no token changes.
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN
 */
export async function unlinkAccount(
  gateway: ChangeParts,
  { viewer, did, client }: { viewer: Viewer; did: string; client: ClientInfo },
): Promise<void> {
  const groupId = requireGroup(viewer)
  if (did === viewer.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are using. Call logout to sign out of it.')
  }
  await withSessionChanges(gateway, { groups: [groupId] }, async (rows) => {
    await requireStillActive(rows.tx, viewer)
    const now = new Date(gateway.runtime.clock())
    const { id } = await findLinkedSession(rows.tx, { groupId, did, now })
    await rows.end({ id })
    await audit(rows.tx, { now, client, kind: 'signed_out', did, sessionId: id, detail: { by: viewer.session.id } })
  })
}
