import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { findLinkedSession, lockGroup } from './group.ts'
import { type ChangingParts, changingSessions, endSessions } from './rows.ts'
import { requireStillActive } from './still-active.ts'
import { requireGroup, type Viewer } from './viewer.ts'

/**
 * Signs another account of the viewer's group out. The viewer's own session goes on as it was, so no token changes.
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN
 */
export async function unlinkAccount(
  gateway: ChangingParts & Pick<Gateway, 'clock'>,
  { viewer, did, client }: { viewer: Viewer; did: string; client: ClientInfo },
): Promise<void> {
  const { clock } = gateway
  const groupId = requireGroup(viewer)
  if (did === viewer.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are using. Call logout to sign out of it.')
  }
  await changingSessions(gateway, async (tx) => {
    await lockGroup(tx, groupId)
    await requireStillActive(tx, viewer)
    const { id } = await findLinkedSession(tx, { groupId, did, now: new Date(clock()) })
    const ended = await endSessions(tx, { id })
    await audit(tx, { clock, client, kind: 'signed_out', did, sessionId: id, detail: { by: viewer.session.id } })
    return { ended, result: undefined }
  })
}
