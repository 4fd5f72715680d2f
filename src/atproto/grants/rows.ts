import { type Clock, DAY } from '../../platform/clock.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { Grant as GrantColumns, GrantState, Prisma, PrismaClient } from '../../store/sql/generated/client.ts'
import type { OAuthClients } from '../client.ts'
import type { Grant } from './grant.ts'
import { keepAliveIn } from './idle-grants.ts'
import { ANSWER_TAKES, createGrantLeases, type GrantLeases } from './leases.ts'
import { type SealedGrant, sealGrant } from './sealed-grant.ts'
import { tokenLife } from './token-life.ts'

/** The OAuth grant of a session is gone: the account has to sign in again. */
export class GrantLost extends Error {
  override readonly name = 'GrantLost'
}

/**
 * The causes for which a grant is given up; for no other one is it. `ambiguous`: refused after an attempt whose answer
 * nobody received, which the server may have taken for the one that used the refresh token up.
 */
export type LostReason = 'refused' | 'ambiguous' | 'moved' | 'no_refresh_token' | 'deactivated'

/** A grant as it stands, and what the database's clock says of it. */
export type GrantRow = SealedGrant & {
  issuer: string
  state: GrantState
  /** Whether the access token is to be refreshed. */
  isDue: boolean
  /** Whether the access token has ended. */
  hasEnded: boolean
  /** Whether the set was stored within the last minute. */
  isNew: boolean
  isLeased: boolean
  /** Whether the refresh token was sent so recently that its answer may be under way. */
  isUnderWay: boolean
}

/** `gone`: the session has ended meanwhile. `conflict`: another set of this generation is stored. */
export type StoreOutcome = 'stored' | 'gone' | 'conflict'

/**
 * The one writer of the Grant table, with its leases. Each step of a refresh is one statement of its own, so that no
 * transaction and no connection is held while a server is asked, and compares times by the database's clock alone.
 */
export interface GrantRows extends GrantLeases {
  /** Writes a new grant, in the transaction that writes the session that it belongs to. */
  insert(
    tx: Prisma.TransactionClient,
    id: string,
    grant: Grant,
  ): Promise<Pick<GrantColumns, 'id' | 'did' | 'expiresAt'>>
  /**
   * Finds a grant that can be used.
   * @throws GrantLost
   */
  require(id: string): Promise<GrantRow>
  /** Finds a grant in whatever state it is. */
  find(id: string): Promise<GrantRow | null>
  /** Stores a newer token set. The generation alone decides, not the lease: the last set of a server is the valid one. */
  store(newer: SealedGrant, grant: Grant): Promise<StoreOutcome>
  /** Gives a grant up. False when another generation is stored by now. */
  markLost(row: Pick<GrantRow, 'id' | 'generation'>, reason: LostReason): Promise<boolean>
  delete(id: string): Promise<void>
}

type Parts = {
  db: Pick<PrismaClient, 'grant' | '$queryRaw' | '$executeRaw'>
  sealer: Sealer
  clients: Pick<OAuthClients, 'isConfidential'>
  clock: Clock
}

/** In characters. Real ones have a few hundred. */
const LONGEST_SCOPE = 8192

/**
 * How long a grant lasts in all, however often it is refreshed: SESSION_LIFETIME and SESSION_LIFETIME_EXTENDED of the
 * reference server (`oauth-constants` of @atproto/oauth-provider), whose two years have 730.5 days.
 */
const GRANT_LIFETIME = { public: 14 * DAY, confidential: 730 * DAY }

export function createGrantRows({ db, sealer, clients, clock }: Parts): GrantRows {
  const lifetime = clients.isConfidential ? GRANT_LIFETIME.confidential : GRANT_LIFETIME.public

  async function find(id: string): Promise<GrantRow | null> {
    const [row] = await db.$queryRaw<GrantRow[]>`
      SELECT "id", "did", "issuer", "sealed", "generation", "state"::text AS "state",
             "refreshAfter" <= clock_timestamp() AS "isDue",
             COALESCE("accessEndsAt" <= clock_timestamp(), FALSE) AS "hasEnded",
             "updatedAt" > clock_timestamp() - interval '1 minute' AS "isNew",
             COALESCE("leaseUntil" >= clock_timestamp(), FALSE) AS "isLeased",
             COALESCE("sentAt" > clock_timestamp() - ${ANSWER_TAKES}::int * interval '1 second', FALSE) AS "isUnderWay"
        FROM "Grant" WHERE "id" = ${id}`
    return row ?? null
  }

  return {
    ...createGrantLeases(db),

    async insert(tx, id, grant) {
      const { sub: did, iss: issuer } = grant.tokenSet
      const sealed = await sealGrant(sealer, { id, did, generation: 0n, grant })
      const expiresAt = new Date(clock() + lifetime)
      const { endsIn, refreshIn } = tokenLife(grant)
      await tx.$executeRaw`
        INSERT INTO "Grant" ("id", "did", "issuer", "scope", "sealed", "expiresAt",
                             "updatedAt", "keepAliveAfter", "refreshAfter", "accessEndsAt")
        VALUES (${id}, ${did}, ${issuer}, ${storedScope(grant)}, ${sealed}, ${expiresAt}::timestamptz,
                clock_timestamp(),
                clock_timestamp() + ${keepAliveIn(clients)}::float8 * interval '1 millisecond',
                clock_timestamp() + ${refreshIn}::float8 * interval '1 millisecond',
                clock_timestamp() + ${endsIn}::float8 * interval '1 millisecond')`
      return { id, did, expiresAt }
    },

    async require(id) {
      const row = await find(id)
      if (row === null || row.state === 'lost') throw new GrantLost(`grant ${id}`)
      return row
    },

    find,

    async store({ id, generation, sealed }, grant) {
      const { endsIn, refreshIn } = tokenLife(grant)
      const stored = await db.$executeRaw`
        UPDATE "Grant"
           SET "sealed" = ${sealed}, "generation" = ${generation}, "scope" = ${storedScope(grant)},
               "updatedAt" = clock_timestamp(),
               "keepAliveAfter" = clock_timestamp() + ${keepAliveIn(clients)}::float8 * interval '1 millisecond',
               "refreshAfter" = clock_timestamp() + ${refreshIn}::float8 * interval '1 millisecond',
               "accessEndsAt" = clock_timestamp() + ${endsIn}::float8 * interval '1 millisecond',
               "leaseUntil" = NULL, "sentAt" = NULL, "state" = 'ok', "lostReason" = NULL
         WHERE "id" = ${id} AND "generation" < ${generation}`
      if (stored > 0) return 'stored'
      const row = await find(id)
      if (row === null) return 'gone'
      // The same text: a statement that seemed to fail had been committed, or another replica found the copy.
      return row.generation === generation && row.sealed !== sealed ? 'conflict' : 'stored'
    },

    async markLost({ id, generation }, reason) {
      const lost = await db.$executeRaw`
        UPDATE "Grant"
           SET "state" = 'lost', "lostReason" = ${reason}, "updatedAt" = clock_timestamp(), "leaseUntil" = NULL,
               "keepAliveAfter" = NULL
         WHERE "id" = ${id} AND "generation" = ${generation} AND "state" = 'ok'`
      return lost > 0
    },

    async delete(id) {
      await db.grant.deleteMany({ where: { id } })
    },
  }
}

/**
 * The granted scopes as far as they are read. Lists of sessions show them, and a server of a stranger may answer with
 * half a megabyte; what is past the limit counts as not granted.
 */
function storedScope({ tokenSet: { scope } }: Grant): string {
  if (scope.length <= LONGEST_SCOPE) return scope
  return scope.slice(0, scope.lastIndexOf(' ', LONGEST_SCOPE))
}
