import type { PrismaClient } from '../../store/sql/generated/client.ts'
import type { SealedGrant } from './sealed-grant.ts'

/** The right to send the refresh token of one generation, until the lease ends or somebody stores another set. */
export type Lease = Pick<SealedGrant, 'id' | 'generation'> & {
  fence: bigint
  /** When the refresh token was sent before; null if it never was. */
  sentAt: Date | null
  isUnderWay: boolean
}

/** Who may send the refresh token of a grant. */
export interface GrantLeases {
  /** Leases a grant to be refreshed. Null when it is leased already, lost, or of another generation. */
  lease(grant: Pick<SealedGrant, 'id' | 'generation'>): Promise<Lease | null>
  /** Leases a grant to be revoked, in whatever state it is. Null when it is leased already, or gone. */
  leaseToRevoke(id: string): Promise<Lease | null>
  /** Records that the refresh token is sent now. False when the lease no longer covers the time that this takes. */
  markSent(lease: Lease): Promise<boolean>
  /** Takes `markSent` back, when nothing was sent, and ends the lease. */
  unmarkSent(lease: Lease): Promise<void>
  /** Ends the lease. */
  release(lease: Lease): Promise<void>
}

// In seconds. A request and its one repetition have 10 s each, so a lease that covers SENDING_TAKES more covers both. An
// answer that has not come after ANSWER_TAKES never comes.
const LEASE = 60
const SENDING_TAKES = 25
export const ANSWER_TAKES = 60

type Statements = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>

export function createGrantLeases(db: Statements): GrantLeases {
  return {
    async lease({ id, generation }) {
      const [lease] = await db.$queryRaw<Lease[]>`
        UPDATE "Grant"
           SET "leaseFence" = "leaseFence" + 1, "leaseUntil" = clock_timestamp() + ${LEASE}::int * interval '1 second'
         WHERE "id" = ${id} AND "generation" = ${generation} AND "state" = 'ok'
           AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp())
     RETURNING "id", "generation", "leaseFence" AS "fence", "sentAt",
               COALESCE("sentAt" > clock_timestamp() - ${ANSWER_TAKES}::int * interval '1 second', FALSE) AS "isUnderWay"`
      return lease ?? null
    },

    async leaseToRevoke(id) {
      const [lease] = await db.$queryRaw<Lease[]>`
        UPDATE "Grant"
           SET "leaseFence" = "leaseFence" + 1, "leaseUntil" = clock_timestamp() + ${LEASE}::int * interval '1 second'
         WHERE "id" = ${id} AND ("leaseUntil" IS NULL OR "leaseUntil" < clock_timestamp())
     RETURNING "id", "generation", "leaseFence" AS "fence", "sentAt", FALSE AS "isUnderWay"`
      return lease ?? null
    },

    async markSent({ id, generation, fence }) {
      const marked = await db.$executeRaw`
        UPDATE "Grant" SET "sentAt" = clock_timestamp()
         WHERE "id" = ${id} AND "generation" = ${generation} AND "leaseFence" = ${fence} AND "state" = 'ok'
           AND "leaseUntil" > clock_timestamp() + ${SENDING_TAKES}::int * interval '1 second'`
      return marked > 0
    },

    async unmarkSent({ id, generation, fence, sentAt }) {
      await db.$executeRaw`
        UPDATE "Grant" SET "sentAt" = ${sentAt}::timestamptz, "leaseUntil" = NULL
         WHERE "id" = ${id} AND "generation" = ${generation} AND "leaseFence" = ${fence}`
    },

    async release({ id, fence }) {
      await db.$executeRaw`
        UPDATE "Grant" SET "leaseUntil" = NULL WHERE "id" = ${id} AND "leaseFence" = ${fence}`
    },
  }
}
