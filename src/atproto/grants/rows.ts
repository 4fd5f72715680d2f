import { type Clock, DAY } from '../../platform/clock.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { Grant as GrantRow, Prisma, PrismaClient } from '../../store/sql/generated/client.ts'
import type { OAuthClients } from '../client.ts'
import { type Grant, parseGrant } from './grant.ts'

export type { GrantRow }

/** The OAuth grant of a session is gone: the account has to sign in again. */
export class GrantLost extends Error {
  override readonly name = 'GrantLost'
}

/** The one writer of the Grant table. */
export interface GrantRows {
  /** Writes a new grant, in the transaction that writes the session that it belongs to. */
  insert(tx: Prisma.TransactionClient, id: string, grant: Grant): Promise<GrantRow>
  /**
   * Finds a grant that can be used.
   * @throws GrantLost
   */
  require(id: string): Promise<GrantRow>
  /** Finds a grant in whatever state it is. */
  find(id: string): Promise<GrantRow | null>
  /**
   * Opens a sealed grant.
   * @throws SealError, GrantUnreadable
   */
  open(row: GrantRow): Promise<Grant>
  /** Stores what the authorization server answered to a refresh. */
  storeRefreshed(row: Pick<GrantRow, 'id' | 'did'>, grant: Grant): Promise<void>
  /** Records that the authorization server no longer honours the grant. */
  markLost(id: string): Promise<void>
  delete(id: string): Promise<void>
  /** The ids of grants that no session has and that are still to be revoked, `limit` of them at most. */
  findUnrevoked(limit: number): Promise<string[]>
  /** Deletes grants that no session has and that no server honours any more. */
  deleteExpired(): Promise<void>
}

type Parts = {
  db: Pick<PrismaClient, 'grant'>
  sealer: Sealer
  clients: Pick<OAuthClients, 'isConfidential'>
  clock: Clock
}

/** In characters. Real ones have a few hundred. */
const LONGEST_SCOPE = 8192

/** How long an authorization server honours refresh tokens: atproto OAuth, "Tokens and Session Lifetime". */
const REFRESH_LIFETIME = { public: 14 * DAY, confidential: 180 * DAY }

export function createGrantRows({ db, sealer, clients, clock }: Parts): GrantRows {
  const lifetime = clients.isConfidential ? REFRESH_LIFETIME.confidential : REFRESH_LIFETIME.public

  return {
    async insert(tx, id, grant) {
      const { sub: did, iss: issuer } = grant.tokenSet
      const scope = storedScope(grant)
      const now = clock()
      const sealed = await sealer.seal(grant, purposeOf({ id, did }))
      const expiresAt = new Date(now + lifetime)
      return tx.grant.create({ data: { id, did, issuer, scope, sealed, expiresAt, updatedAt: new Date(now) } })
    },

    async require(id) {
      const row = await db.grant.findUnique({ where: { id } })
      if (row === null || row.state === 'lost') throw new GrantLost(`grant ${id}`)
      return row
    },

    find: (id) => db.grant.findUnique({ where: { id } }),

    open: async (row) => parseGrant(await sealer.open(row.sealed, purposeOf(row))),

    async storeRefreshed({ id, did }, grant) {
      await db.grant.update({
        where: { id },
        data: {
          sealed: await sealer.seal(grant, purposeOf({ id, did })),
          scope: storedScope(grant),
          updatedAt: new Date(clock()),
          // A public client's grant ends a fixed time after sign-in however often it is refreshed.
          ...(clients.isConfidential ? { expiresAt: new Date(clock() + lifetime) } : {}),
        },
      })
    },

    async markLost(id) {
      await db.grant.updateMany({ where: { id }, data: { state: 'lost', updatedAt: new Date(clock()) } })
    },

    async delete(id) {
      await db.grant.deleteMany({ where: { id } })
    },

    async findUnrevoked(limit) {
      const rows = await db.grant.findMany({ where: { session: null }, select: { id: true }, take: limit })
      return rows.map(({ id }) => id)
    },

    async deleteExpired() {
      await db.grant.deleteMany({ where: { session: null, expiresAt: { lt: new Date(clock()) } } })
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

/** Bound to the row and the account: a sealed grant that was moved to another row does not open. */
function purposeOf(row: { id: string; did: string }): string {
  return `grant:${row.id}:${row.did}`
}
