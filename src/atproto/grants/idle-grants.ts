import { type Clock, DAY, HOUR } from '../../platform/clock.ts'
import type { PrismaClient } from '../../store/sql/generated/client.ts'
import type { OAuthClients } from '../client.ts'

/**
 * Which grants nobody uses, and when each is to be refreshed, before its refresh token ends. A grant whose session goes on
 * has a `keepAliveAfter`, which each stored token set moves ahead; claiming it moves that ahead as well, so that one
 * replica does the work, a process that crashes at it is no loss, and a server that is away is asked again later.
 */
export interface IdleGrants {
  /** Claims grants that are due, those that have waited longest first. Gives their ids. */
  claimDue(limit: number): Promise<string[]>
  /**
   * Gives those grants a time that have a session and none: written by a release that knew of no such time. Looks at
   * the `limit` grants whose ids come after `after`.
   * @returns the last id, and how many were looked at
   */
  scheduleStrays(options: { after: string; limit: number }): Promise<{ last: string | null; count: number }>
}

/**
 * How long a grant may go unused. A third of the time for which the reference server honours an unused refresh token
 * (3 months for a confidential client), so that a server may be away for weeks; half of it for a public client (14 days).
 */
const IDLE_FOR = { confidential: 30 * DAY, public: 7 * DAY }

/** How much shorter or longer it may be: grants of one busy day are refreshed over weeks. */
const JITTER = 0.25

/** How soon a claimed grant is due again if nothing is stored: its server was away. */
const RETRY_AFTER = 12 * HOUR

/** In how many milliseconds a grant whose token set is stored now is to be refreshed if nobody uses it. */
export function keepAliveIn({ isConfidential }: Pick<OAuthClients, 'isConfidential'>): number {
  return jittered(isConfidential ? IDLE_FOR.confidential : IDLE_FOR.public)
}

function jittered(ms: number): number {
  return ms * (1 - JITTER + 2 * JITTER * Math.random())
}

type Parts = {
  db: Pick<PrismaClient, '$queryRaw'>
  clients: Pick<OAuthClients, 'isConfidential'>
  clock: Clock
}

export function createIdleGrants({ db, clients, clock }: Parts): IdleGrants {
  return {
    async claimDue(limit) {
      // The time is read once, in a query of its own, so that the index on it helps.
      const claimed = await db.$queryRaw<{ id: string }[]>`
        UPDATE "Grant"
           SET "keepAliveAfter" = clock_timestamp() + ${jittered(RETRY_AFTER)}::float8 * interval '1 millisecond'
         WHERE "id" IN (SELECT "Grant"."id" FROM "Grant"
                         WHERE "keepAliveAfter" <= (SELECT clock_timestamp())
                           AND "state" = 'ok' AND "nextAttemptAt" IS NULL
                           AND EXISTS (SELECT 1 FROM "Session"
                                        WHERE "grantId" = "Grant"."id"
                                          AND "Session"."expiresAt" > ${new Date(clock())}::timestamptz)
                         ORDER BY "keepAliveAfter" LIMIT ${limit}::int FOR UPDATE OF "Grant" SKIP LOCKED)
     RETURNING "id"`
      return claimed.map(({ id }) => id)
    },

    async scheduleStrays({ after, limit }) {
      const idleFor = clients.isConfidential ? IDLE_FOR.confidential : IDLE_FOR.public
      const [part] = await db.$queryRaw<{ last: string | null; count: number }[]>`
        WITH "part" AS (SELECT "id" FROM "Grant" WHERE "id" > ${after} ORDER BY "id" LIMIT ${limit}::int),
             "scheduled" AS (
               UPDATE "Grant"
                  SET "keepAliveAfter" = "updatedAt" + ${idleFor}::float8
                      * (1 - ${JITTER}::float8 + 2 * ${JITTER}::float8 * random()) * interval '1 millisecond'
                 FROM "part"
                WHERE "Grant"."id" = "part"."id" AND "keepAliveAfter" IS NULL AND "state" = 'ok'
                  AND "nextAttemptAt" IS NULL
                  AND EXISTS (SELECT 1 FROM "Session" WHERE "grantId" = "Grant"."id"))
        SELECT max("id") AS "last", count(*)::int AS "count" FROM "part"`
      return part ?? { last: null, count: 0 }
    },
  }
}
