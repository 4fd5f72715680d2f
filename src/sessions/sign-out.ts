import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { activateSession, findLinkedSession, lockGroup } from './group.ts'
import { type ChangingParts, changingSessions, type EndedSession, endSessions } from './rows.ts'
import { requireStillActive } from './still-active.ts'
import type { SessionToken } from './token.ts'
import { requireGroup, type Viewer } from './viewer.ts'

type Parts = ChangingParts & Pick<Gateway, 'clock'>
type Request = { viewer: Viewer; client: ClientInfo }

/**
 * Ends the viewer's session and, since nobody could reach them any more, those of the other accounts of its group.
 * @throws GatewayError FORBIDDEN
 */
export async function logout(gateway: Parts, request: Request): Promise<void> {
  const { id, groupId } = request.viewer.session
  await endGroup(gateway, { ...request, where: groupId === null ? { id } : { groupId }, kind: 'signed_out' })
}

/**
 * Ends every session of the viewer's group.
 * @returns how many ended
 * @throws GatewayError FORBIDDEN
 */
export async function logoutAll(gateway: Parts, request: Request): Promise<number> {
  const groupId = requireGroup(request.viewer)
  const ended = await endGroup(gateway, { ...request, where: { groupId }, kind: 'signed_out_everywhere' })
  return ended.length
}

/**
 * Ends the viewer's session; the client goes on as another account of its group.
 * @returns the token of the session to go on with, which is new
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN; nothing has ended then
 */
export async function logoutTo(gateway: Parts, request: Request & { switchTo: string }): Promise<SessionToken> {
  const { viewer, client, switchTo } = request
  const { clock } = gateway
  const { id, did } = viewer.session
  const groupId = requireGroup(viewer)
  if (switchTo === did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are signing out of. Name another one.')
  }
  const { result } = await changingSessions(gateway, async (tx) => {
    await lockGroup(tx, groupId)
    await requireStillActive(tx, viewer)
    const now = new Date(clock())
    const target = await findLinkedSession(tx, { groupId, did: switchTo, now })
    const ended = await endSessions(tx, { id })
    await audit(tx, { clock, client, kind: 'signed_out', did, sessionId: id })
    const change = { groupId, kind: 'ACCOUNT_SWITCHED' } as const
    return { ended, change, result: await activateSession(tx, target, now) }
  })
  return result
}

type Ending = Request & { where: { id: string } | { groupId: string }; kind: AuditKind }

async function endGroup(gateway: Parts, { viewer, client, where, kind }: Ending): Promise<EndedSession[]> {
  const { ended } = await changingSessions(gateway, async (tx) => {
    if ('groupId' in where) await lockGroup(tx, where.groupId)
    await requireStillActive(tx, viewer)
    const sessions = await endSessions(tx, where)
    for (const { id, did } of sessions) await audit(tx, { clock: gateway.clock, client, kind, did, sessionId: id })
    return { ended: sessions, result: undefined }
  })
  return ended
}
