import { reachedBy } from './client.ts'
import type { SessionRows } from './rows.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/** How many tokens of a group may wait for their first use: as many tabs add accounts at once. */
const MAX_UNUSED = 5

/**
 * Deletes tokens that have ended, at most `take` of them, and ends the sessions of their groups that no other token
 * reaches: a client that never received its token, or has a newer one.
 */
export async function endTokens(gateway: ChangeParts, { take }: { take: number }): Promise<void> {
  const now = new Date(gateway.runtime.clock())
  const where = { endsAt: { lte: now } }
  const found = await gateway.stores.db.clientToken.findMany({ where, select: { id: true, groupId: true }, take })
  for (const [groupId, tokens] of Map.groupBy(found, (token) => token.groupId)) {
    await withSessionChanges(gateway, { groups: [groupId] }, async (rows) => {
      await rows.deleteTokens(tokens.map(({ id }) => id))
      await endUnreached(rows, groupId, now)
    })
  }
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
  await rows.deleteTokens(tooMany.map(({ id }) => id))
  await endUnreached(rows, groupId, now)
}

async function endUnreached(rows: SessionRows, groupId: string, now: Date): Promise<void> {
  const sessions = await rows.tx.session.findMany({ where: { groupId } })
  const tokens = await rows.tx.clientToken.findMany({ where: { groupId, endsAt: { gt: now } } })
  const reached = new Set(tokens.flatMap((token) => reachedBy(token, sessions)).map(({ id }) => id))
  await rows.end({ groupId, id: { notIn: [...reached] } })
}
