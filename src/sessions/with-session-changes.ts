import type { Gateway } from '../gateway.ts'
import { announce, type SessionChange } from './changes.ts'
import { type EndedSession, SessionRows } from './rows.ts'

export type ChangeParts = Pick<Gateway, 'stores' | 'atproto' | 'runtime'>

type Options = {
  /** The groups that the work is about. They are locked first; `rows.hasGroup` says which of them exist. */
  groups?: readonly string[]
  /** What the group's clients are told. By default it follows from the sessions that ended. */
  announcing?: SessionChange
}

/**
 * Runs a transaction that changes sessions. Once it is committed, the grants of ended sessions are revoked and clients
 * are told.
 * @returns what the work returned
 */
export async function withSessionChanges<T>(
  { stores, atproto, runtime }: ChangeParts,
  { groups = [], announcing }: Options,
  work: (rows: SessionRows) => Promise<T>,
): Promise<T> {
  const { rows, result } = await stores.db.$transaction(async (tx) => {
    const writer = new SessionRows(tx)
    await writer.lockGroups(groups)
    return { rows: writer, result: await work(writer) }
  })
  if (rows.changedIds.size > 0) runtime.logger.debug({ sessionIds: [...rows.changedIds] }, 'sessions changed')
  for (const { grantId } of rows.ended) atproto.revocations.revokeSoon(grantId)
  for (const change of announcing === undefined ? changesOf(rows.ended) : [announcing]) {
    announce({ stores, runtime }, change)
  }
  return result
}

/** A group that lost its active session is signed out: its client has no token left to switch with. */
function changesOf(ended: readonly EndedSession[]): SessionChange[] {
  const kinds = new Map<string, SessionChange['kind']>()
  for (const { groupId, isActive } of ended) {
    if (groupId === null) continue
    if (isActive || !kinds.has(groupId)) kinds.set(groupId, isActive ? 'SIGNED_OUT' : 'ACCOUNT_REMOVED')
  }
  return [...kinds].map(([groupId, kind]) => ({ groupId, kind }))
}
