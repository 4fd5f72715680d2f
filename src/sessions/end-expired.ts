import type { Prisma } from '../store/sql/generated/client.ts'
import type { SessionRows } from './rows.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

// Each picks what it ends by the locks that it gets at once, and passes over what others hold: so two replicas share
// the work, and no request waits for housekeeping. Groups are locked before their sessions, as everywhere.

type Batch = { take: number }

/**
 * Ends sessions of groups that have expired, at most `take`.
 * @returns how many were found; fewer than `take` when no more are
 */
export async function endExpiredSessions(gateway: ChangeParts, { take }: Batch): Promise<number> {
  const now = new Date(gateway.runtime.clock())
  return withSessionChanges(gateway, { revokesLater: true }, async (rows) => {
    const picked = await rows.tx.$queryRaw<{ id: string }[]>`
      SELECT "Session"."id"
        FROM "Session" JOIN "SessionGroup" ON "SessionGroup"."id" = "Session"."groupId"
       WHERE "Session"."expiresAt" <= ${now}::timestamptz
       ORDER BY "Session"."expiresAt" LIMIT ${take}::int
         FOR UPDATE OF "SessionGroup" SKIP LOCKED`
    return endPicked(rows, picked, { expiresAt: { lte: now } })
  })
}

/**
 * Ends developer tokens that have expired, and sessions that were never exchanged before they expired.
 * @returns how many were found
 */
export async function endExpiredSingles(gateway: ChangeParts, { take }: Batch): Promise<number> {
  const now = new Date(gateway.runtime.clock())
  return withSessionChanges(gateway, { revokesLater: true }, async (rows) => {
    const picked = await rows.tx.$queryRaw<{ id: string }[]>`
      SELECT "id" FROM "Session" WHERE "expiresAt" <= ${now}::timestamptz AND "groupId" IS NULL
       ORDER BY "expiresAt" LIMIT ${take}::int FOR UPDATE SKIP LOCKED`
    return endPicked(rows, picked, { expiresAt: { lte: now }, groupId: null })
  })
}

/**
 * Ends sessions that were made before `before` and that nobody has exchanged.
 * @returns how many were found
 */
export async function endUnexchanged(gateway: ChangeParts, { take, before }: Batch & { before: Date }) {
  return withSessionChanges(gateway, { revokesLater: true }, async (rows) => {
    const picked = await rows.tx.$queryRaw<{ id: string }[]>`
      SELECT "id" FROM "Session" WHERE "exchangedAt" IS NULL AND "createdAt" <= ${before}::timestamptz
       ORDER BY "createdAt" LIMIT ${take}::int FOR UPDATE SKIP LOCKED`
    return endPicked(rows, picked, { exchangedAt: null, createdAt: { lte: before } })
  })
}

/** The condition is checked again: a session that was used meanwhile is kept, and is found no more. */
async function endPicked(rows: SessionRows, picked: readonly { id: string }[], stillSo: Prisma.SessionWhereInput) {
  const ids = picked.map(({ id }) => id)
  if (ids.length > 0) await rows.end({ AND: [stillSo, { id: { in: ids } }] })
  return ids.length
}
