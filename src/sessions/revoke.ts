import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { signedInSessions } from './list.ts'
import type { Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Signs one of the account's other sessions out.
 * @throws GatewayError SESSION_NOT_FOUND, BAD_USER_INPUT when it is the caller's own
 */
export async function revokeSession(
  gateway: ChangeParts,
  { viewer, id, client }: { viewer: Viewer; id: string; client: ClientInfo },
): Promise<void> {
  const { did, id: by } = viewer.session
  if (id === by) {
    throw new GatewayError('BAD_USER_INPUT', 'This is the session that you are using. Call logout to end it.')
  }
  await withSessionChanges(gateway, {}, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    const ended = await rows.end({ AND: [{ id }, signedInSessions(did, now)] })
    if (ended.length === 0) {
      throw new GatewayError('SESSION_NOT_FOUND', 'This account has no such session. It may have ended already.')
    }
    await audit(rows.tx, { now, client, kind: 'session_revoked', did, sessionId: id, detail: { by } })
  })
}
