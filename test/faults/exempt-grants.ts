import { Redis } from 'ioredis'
import type { Rows } from './rows.ts'

/**
 * The one crash that may lose a grant: a replica is killed after the server has answered and before any store has the
 * answer (docs/decisions/0008-refreshing-a-grant.md). A grant that is lost for another reason counts.
 */
export type ExemptGrants = {
  /** Notes which refreshes a replica that was just killed can have left so: marked as sent, and without a copy. */
  look(): Promise<void>
  /** Whether a grant that was lost at this generation is one of them. */
  has(grant: { id: string; generation: string }): boolean
}

/** No request for a refresh takes longer. An older mark is of an attempt that something else has broken off. */
const REQUEST_TAKES = 10

export function watchExemptGrants(rows: Rows, redisUrl: string): ExemptGrants {
  const exempt = new Set<string>()
  return {
    async look() {
      const marked = await rows.query<{ id: string; generation: string }>(
        `SELECT "id", "generation"::text AS "generation" FROM "Grant"
          WHERE "sentAt" > clock_timestamp() - interval '${REQUEST_TAKES} seconds'`,
      )
      const redis = new Redis(redisUrl)
      try {
        for (const { id, generation } of marked) {
          const [copied = '-1'] = ((await redis.get(`atgate:grant:${id}`)) ?? '').split(' ')
          if (copied === '' || BigInt(copied) <= BigInt(generation)) exempt.add(`${id} ${generation}`)
        }
      } finally {
        redis.disconnect()
      }
    },
    has: ({ id, generation }) => exempt.has(`${id} ${generation}`),
  }
}
