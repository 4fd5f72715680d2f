import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Deletes groups that no session is in, of the `limit` groups whose ids come after `after`. A group ends with its last
 * session, so there are none unless something went wrong.
 * @returns the last id, and how many groups were looked at
 */
export async function deleteEmptyGroups(
  gateway: ChangeParts,
  { after, limit }: { after: string; limit: number },
): Promise<{ last: string | null; count: number }> {
  const groups = await gateway.stores.db.$queryRaw<{ id: string; isEmpty: boolean }[]>`
    SELECT "id", NOT EXISTS (SELECT 1 FROM "Session" WHERE "groupId" = "SessionGroup"."id") AS "isEmpty"
      FROM "SessionGroup" WHERE "id" > ${after} ORDER BY "id" LIMIT ${limit}::int`
  const empty = groups.filter(({ isEmpty }) => isEmpty).map(({ id }) => id)
  // Looked at again under the lock: a session that is being exchanged may join.
  if (empty.length > 0) await withSessionChanges(gateway, { groups: empty }, (rows) => rows.deleteEmptyGroups(empty))
  return { last: groups.at(-1)?.id ?? null, count: groups.length }
}
