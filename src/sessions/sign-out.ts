import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { findLinkedSession } from './group.ts'
import { requireStillActive } from './still-active.ts'
import type { SessionToken } from './token.ts'
import { requireGroup, type Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

type Request = { viewer: Viewer; client: ClientInfo }

/**
 * Ends the viewer's session and the other sessions of its group, which no client could reach any more.
 * @throws GatewayError FORBIDDEN
 */
export async function logout(gateway: ChangeParts, request: Request): Promise<void> {
  await endOwn(gateway, { ...request, kind: 'signed_out' })
}

/**
 * Ends every session of the viewer's group.
 * @returns how many ended
 * @throws GatewayError FORBIDDEN
 */
export async function logoutAll(gateway: ChangeParts, request: Request): Promise<number> {
  requireGroup(request.viewer)
  return endOwn(gateway, { ...request, kind: 'signed_out_everywhere' })
}

/**
 * Ends the viewer's session; the client goes on as another account of its group.
 * @returns the token of the session to go on with, which is new
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN; nothing has ended then
 */
export async function logoutTo(
  gateway: ChangeParts,
  { viewer, client, switchTo }: Request & { switchTo: string },
): Promise<SessionToken> {
  const { id, did } = viewer.session
  const groupId = requireGroup(viewer)
  if (switchTo === did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are signing out of. Name another one.')
  }
  const announcing = { groupId, kind: 'ACCOUNT_SWITCHED' } as const
  return withSessionChanges(gateway, { groups: [groupId], announcing }, async (rows) => {
    await requireStillActive(rows.tx, viewer)
    const now = new Date(gateway.runtime.clock())
    const target = await findLinkedSession(rows.tx, { groupId, did: switchTo, now })
    await rows.end({ id })
    await audit(rows.tx, { now, client, kind: 'signed_out', did, sessionId: id })
    return rows.activate(target, now)
  })
}

/** Ends the viewer's group, or the one session of a developer token, and returns how many sessions ended. */
async function endOwn(gateway: ChangeParts, { viewer, client, kind }: Request & { kind: AuditKind }): Promise<number> {
  const { id, groupId } = viewer.session
  return withSessionChanges(gateway, { groups: groupId === null ? [] : [groupId] }, async (rows) => {
    await requireStillActive(rows.tx, viewer)
    const now = new Date(gateway.runtime.clock())
    const ended = await rows.end(groupId === null ? { id } : { groupId })
    for (const session of ended) {
      await audit(rows.tx, { now, client, kind, did: session.did, sessionId: session.id })
    }
    return ended.length
  })
}
