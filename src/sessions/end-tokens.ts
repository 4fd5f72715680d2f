import { reachedBy } from './client.ts'
import type { SessionRows } from './rows.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/** How many tokens of a group may wait for their first use: as many tabs add accounts at once. */
const MAX_UNUSED = 5

/**
 * Deletes tokens that have ended, at most `take` of them, and ends the sessions of their groups that no other token
 * reaches: a client that never received its token, or has a newer one. Groups that somebody else is changing are passed
 * over.
 * @returns how many tokens were found; fewer than `take` when no more are
 */
export async function endTokens(gateway: ChangeParts, { take }: { take: number }): Promise<number> {
  const now = new Date(gateway.runtime.clock())
  return withSessionChanges(gateway, { revokesLater: true }, async (rows) => {
    const found = await rows.tx.$queryRaw<{ id: string; groupId: string }[]>`
      SELECT "ClientToken"."id", "ClientToken"."groupId"
        FROM "ClientToken" JOIN "SessionGroup" ON "SessionGroup"."id" = "ClientToken"."groupId"
       WHERE "ClientToken"."endsAt" <= ${now}::timestamptz
       ORDER BY "ClientToken"."endsAt" LIMIT ${take}::int
         FOR UPDATE OF "SessionGroup" SKIP LOCKED`
    if (found.length === 0) return 0
    await rows.tokens.deleteEnded(
      found.map(({ id }) => id),
      now,
    )
    await endUnreached(rows, [...new Set(found.map(({ groupId }) => groupId))], now)
    return found.length
  })
}

/**
 * Ends the oldest of too many tokens that wait for their first use, with what they alone reach: a client that signs in
 * again and again without going on could otherwise fill its group. The group must be locked.
 */
export async function boundUnusedTokens(rows: SessionRows, groupId: string, now: Date): Promise<void> {
  const tooMany = await rows.tx.clientToken.findMany({
    where: { groupId, confirmedAt: null },
    orderBy: { mintedAt: 'desc' },
    skip: MAX_UNUSED,
    select: { id: true },
  })
  if (tooMany.length === 0) return
  await rows.tokens.delete(tooMany.map(({ id }) => id))
  await endUnreached(rows, [groupId], now)
}

async function endUnreached(rows: SessionRows, groupIds: readonly string[], now: Date): Promise<void> {
  const where = { groupId: { in: [...groupIds] } }
  const sessions = Map.groupBy(await rows.tx.session.findMany({ where }), ({ groupId }) => groupId)
  const tokens = await rows.tx.clientToken.findMany({ where: { ...where, endsAt: { gt: now } } })
  const reached = tokens.flatMap((token) => reachedBy(token, sessions.get(token.groupId) ?? []))
  await rows.end({ ...where, id: { notIn: [...new Set(reached.map(({ id }) => id))] } })
}
