import type { Gateway } from '../gateway.ts'
import { withConflictRetries } from '../store/sql/with-conflict-retries.ts'
import { announce, type SessionChange } from './changes.ts'
import { invalidate } from './invalidate.ts'
import { type EndedSession, SessionRows } from './rows.ts'

export type ChangeParts = Pick<Gateway, 'stores' | 'atproto' | 'runtime'>

type Options = {
  /** The groups that the work is about. They are locked first; `rows.hasGroup` says which of them exist. */
  groups?: readonly string[]
  /** Leaves the grants of ended sessions to housekeeping, which works off any number of them. */
  revokesLater?: boolean
}

/**
 * Runs a transaction that changes sessions, again if another one gets in its way. Once it is committed, the grants of
 * ended sessions are revoked and clients are told.
 * @returns what the work returned
 */
export async function withSessionChanges<T>(
  parts: ChangeParts,
  { groups = [], revokesLater = false }: Options,
  work: (rows: SessionRows) => Promise<T>,
): Promise<T> {
  const { stores, atproto, runtime } = parts
  const { rows, result } = await withConflictRetries(() => transact(parts, groups, work))
  if (rows.changedIds.size > 0) runtime.logger.debug({ sessionIds: [...rows.changedIds] }, 'sessions changed')
  if (!revokesLater) for (const { grantId } of rows.ended) atproto.revocations.revokeSoon(grantId)
  const changes = rows.announcements.length > 0 ? rows.announcements : changesOf(rows.ended)
  for (const change of changes) announce({ stores, runtime }, change)
  return result
}

async function transact<T>(
  { stores, atproto, runtime }: ChangeParts,
  groups: readonly string[],
  work: (rows: SessionRows) => Promise<T>,
): Promise<{ rows: SessionRows; result: T }> {
  let rows: SessionRows | undefined
  try {
    return await stores.db.$transaction(async (tx) => {
      rows = new SessionRows(tx)
      await rows.lockGroups(groups)
      const result = await work(rows)
      await rows.raiseVersions()
      // With the sessions, so that no crash leaves a grant behind which nobody revokes.
      await atproto.grants.due.markEnded(
        tx,
        rows.ended.map(({ grantId }) => grantId),
      )
      return { rows, result }
    })
  } finally {
    // Also when it failed: it may be the answer to the commit that was lost.
    invalidate({ stores, runtime }, rows?.concernedIds() ?? [])
  }
}

/** What the clients of each group are told of the sessions that ended. */
function changesOf(ended: readonly EndedSession[]): SessionChange[] {
  const kinds = new Map<string, SessionChange['kind']>()
  for (const { groupId, wasActive } of ended) {
    if (groupId === null) continue
    if (wasActive || !kinds.has(groupId)) kinds.set(groupId, wasActive ? 'SIGNED_OUT' : 'ACCOUNT_REMOVED')
  }
  return [...kinds].map(([groupId, kind]) => ({ groupId, kind }))
}
