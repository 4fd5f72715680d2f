import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Client } from './client.ts'
import { signedInSessions } from './list.ts'
import type { Viewer } from './viewer.ts'
import { requireStillSignedIn, withClientChanges } from './with-client-changes.ts'
import type { ChangeParts } from './with-session-changes.ts'

/**
 * Signs one of the account's other sessions out.
 * @throws GatewayError SESSION_NOT_FOUND, BAD_USER_INPUT when it is the caller's own, ACCOUNT_CHANGED, UNAUTHENTICATED
 */
export async function revokeSession(
  gateway: ChangeParts,
  { client, viewer, id, from }: { client: Client; viewer: Viewer; id: string; from: ClientInfo },
): Promise<void> {
  const { did } = viewer.session
  // Read before, because the locks of both groups are taken at once.
  const found = await gateway.stores.db.session.findUnique({ where: { id }, select: { groupId: true } })
  const groups = [found?.groupId ?? []].flat()
  await withClientChanges(gateway, { client, groups }, async ({ rows, client: current, now }) => {
    const { id: by } = requireStillSignedIn(current, viewer)
    if (id === by) {
      throw new GatewayError('BAD_USER_INPUT', 'This is the session that you are using. Call logout to end it.')
    }
    const ended = await rows.end({ AND: [{ id }, signedInSessions(did, now)] })
    if (ended.length === 0) {
      throw new GatewayError('SESSION_NOT_FOUND', 'This account has no such session. It may have ended already.')
    }
    await audit(rows.tx, { now, client: from, kind: 'session_revoked', did, sessionId: id, detail: { by } })
  })
}
