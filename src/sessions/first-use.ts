import { audit, type ClientInfo } from '../audit/audit.ts'
import type { ClientToken } from '../store/sql/generated/client.ts'
import type { EndedSession, SessionRows } from './rows.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Records the first use of a client token. Only now has its client received it for certain, so only now does what it
 * replaces end: an answer that was lost leaves the client with what it had. Does nothing when the token was used before.
 */
export async function confirmFirstUse(
  gateway: ChangeParts,
  { token, client }: { token: ClientToken; client: ClientInfo },
): Promise<void> {
  const { groupId, replacesGroupId, activatesDid } = token
  const groups = [groupId, ...(replacesGroupId === null ? [] : [replacesGroupId])]
  await withSessionChanges(gateway, { groups }, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    if (!(await rows.tokens.confirm(token, now))) return
    const ended = [...(await endReplacedGroup(rows, token)), ...(await endTwins(rows, token))]
    const by = token.sessionId
    for (const { id, did } of ended) {
      await audit(rows.tx, { now, client, kind: 'session_replaced', did, sessionId: id, detail: { by } })
    }
    await rows.tokens.endReplaced(token, now)
    if (activatesDid !== null) await rows.activate(groupId, activatesDid)
    if (replacesGroupId === null) rows.announcements.push({ groupId, kind: 'ACCOUNT_ADDED' })
  })
}

async function endReplacedGroup(rows: SessionRows, { replacesGroupId }: ClientToken): Promise<EndedSession[]> {
  return replacesGroupId === null ? [] : rows.end({ groupId: replacesGroupId })
}

/**
 * Ends the older sessions of the account in the same group. One that awaits the first use of a token of its own is left
 * to that: two tabs may have added the same account.
 */
async function endTwins(rows: SessionRows, { id, groupId, sessionId }: ClientToken): Promise<EndedSession[]> {
  const session = await rows.tx.session.findUnique({ where: { id: sessionId }, select: { did: true } })
  if (session === null) return []
  const unused = await rows.tx.clientToken.findMany({
    where: { groupId, id: { not: id }, confirmedAt: null },
    select: { sessionId: true },
  })
  const kept = [sessionId, ...unused.map((token) => token.sessionId)]
  return rows.end({ groupId, did: session.did, id: { notIn: kept } })
}
