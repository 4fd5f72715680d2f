import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { activateSession, findLinkedSession, lockGroup } from './group.ts'
import { type ChangingParts, changingSessions } from './rows.ts'
import { requireStillActive } from './still-active.ts'
import type { SessionToken } from './token.ts'
import { requireGroup, type Viewer } from './viewer.ts'

/**
 * Makes another account of the group the active one.
 * @returns the token of its session, which is new
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, FORBIDDEN
 */
export async function switchAccount(
  gateway: ChangingParts & Pick<Gateway, 'clock'>,
  { viewer, targetDid, client }: { viewer: Viewer; targetDid: string; client: ClientInfo },
): Promise<SessionToken> {
  const groupId = requireGroup(viewer)
  if (targetDid === viewer.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are using.')
  }
  const { clock } = gateway
  const { result } = await changingSessions(gateway, async (tx) => {
    await lockGroup(tx, groupId)
    await requireStillActive(tx, viewer)
    const now = new Date(clock())
    const target = await findLinkedSession(tx, { groupId, did: targetDid, now })
    await audit(tx, { clock, client, kind: 'account_switched', did: targetDid, sessionId: target.id })
    const change = { groupId, kind: 'ACCOUNT_SWITCHED' } as const
    return { ended: [], change, result: await activateSession(tx, target, now) }
  })
  return result
}
