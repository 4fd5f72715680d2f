import type { Clock } from '../../platform/clock.ts'
import { Prisma, type PrismaClient } from '../../store/sql/generated/client.ts'

/** A grant that is to be revoked, claimed for one attempt. */
export type DueRevocation = {
  id: string
  issuer: string
  /** How many attempts were made before this one. */
  attempts: number
  /** Whether the grant has ended: no server honours it any more. */
  hasExpired: boolean
  /** Whether all attempts were made: it is given up. */
  isTriedOut: boolean
}

/**
 * Which grants are to be revoked, and when. A grant whose session has ended has a `nextAttemptAt`; claiming it moves
 * that ahead, further each time, so that one replica does the work, a process that crashes at it is no loss, and what
 * cannot be revoked stands back behind the rest.
 */
export interface DueRevocations {
  /** Makes the grants of ended sessions due, in the transaction that ends the sessions. */
  markEnded(tx: Prisma.TransactionClient, ids: readonly string[]): Promise<void>
  /** Claims a grant. Null when it is not due, or gone: somebody else is at it. */
  claim(id: string): Promise<DueRevocation | null>
  /** Claims grants that are due, those that have waited longest first. */
  claimDue(limit: number): Promise<DueRevocation[]>
  /** Deletes grants that are given up. */
  deleteGivenUp(ids: readonly string[]): Promise<void>
  /**
   * Makes those grants due that have no session and are not due: of sessions that another release ended. Looks at the
   * `limit` grants whose ids come after `after`.
   * @returns the last id, and how many were looked at
   */
  markStrays(options: { after: string; limit: number }): Promise<{ last: string | null; count: number }>
}

// Waits between attempts, in seconds: 5 minutes, then four times as long each time, a day at most.
const FIRST_WAIT = 5 * 60
const GROWTH = 4
const LONGEST_WAIT = 24 * 60 * 60

/** Ten days in all. A server that is away for longer has forgotten its clients, or does not come back. */
export const MAX_ATTEMPTS = 14

type Statements = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>

export function createDueRevocations({ db, clock }: { db: Statements; clock: Clock }): DueRevocations {
  /**
   * One statement: rows that another replica is claiming are passed over, and the next ones taken. The time is read once,
   * in a query of its own: a comparison with a volatile function is made for every row, and no index helps.
   */
  async function claim(which: Prisma.Sql, limit: number): Promise<DueRevocation[]> {
    return db.$queryRaw<DueRevocation[]>`
      UPDATE "Grant"
         SET "attempts" = "attempts" + 1,
             "nextAttemptAt" = clock_timestamp()
               + LEAST(${FIRST_WAIT}::float8 * power(${GROWTH}::float8, "attempts"), ${LONGEST_WAIT}::float8)
               * interval '1 second'
       WHERE "id" IN (SELECT "id" FROM "Grant" WHERE "nextAttemptAt" <= (SELECT clock_timestamp()) AND ${which}
                       ORDER BY "nextAttemptAt" LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)
   RETURNING "id", "issuer", "attempts" - 1 AS "attempts",
             "expiresAt" <= ${new Date(clock())}::timestamptz AS "hasExpired",
             "attempts" > ${MAX_ATTEMPTS}::int AS "isTriedOut"`
  }

  return {
    async markEnded(tx, ids) {
      if (ids.length === 0) return
      await tx.$executeRaw`
        UPDATE "Grant" SET "nextAttemptAt" = clock_timestamp(), "keepAliveAfter" = NULL
         WHERE "id" = ANY(${ids}::text[])`
    },

    async claim(id) {
      return (await claim(Prisma.sql`"id" = ${id}`, 1))[0] ?? null
    },

    claimDue: (limit) => claim(Prisma.sql`TRUE`, limit),

    async deleteGivenUp(ids) {
      // Prisma's `session: null` joins the ids with all sessions.
      await db.$executeRaw`
        DELETE FROM "Grant"
         WHERE "id" = ANY(${ids}::text[])
           AND NOT EXISTS (SELECT 1 FROM "Session" WHERE "grantId" = "Grant"."id")`
    },

    async markStrays({ after, limit }) {
      const [part] = await db.$queryRaw<{ last: string | null; count: number }[]>`
        WITH "part" AS (SELECT "id" FROM "Grant" WHERE "id" > ${after} ORDER BY "id" LIMIT ${limit}::int),
             "marked" AS (
               UPDATE "Grant" SET "nextAttemptAt" = clock_timestamp(), "keepAliveAfter" = NULL
                 FROM "part"
                WHERE "Grant"."id" = "part"."id" AND "nextAttemptAt" IS NULL
                  AND NOT EXISTS (SELECT 1 FROM "Session" WHERE "grantId" = "Grant"."id"))
        SELECT max("id") AS "last", count(*)::int AS "count" FROM "part"`
      return part ?? { last: null, count: 0 }
    },
  }
}
