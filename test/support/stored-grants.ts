import type { Grant } from '../../src/atproto/grants/grant.ts'
import { createGrantRows } from '../../src/atproto/grants/rows.ts'
import type { Gateway } from '../../src/gateway.ts'
import { newId } from '../../src/platform/random.ts'
import type { PrismaClient } from '../../src/store/sql/generated/client.ts'
import type { TokenServer } from './token-server.ts'

const HOUR = 60 * 60 * 1000

type Stores = Pick<Gateway['stores'], 'db' | 'sealer'>

/** Writes a grant of a server, for an account. Gives its id. */
export async function storeGrant(
  { db, sealer }: Stores,
  server: TokenServer,
  { did, isConfidential = false }: { did?: string; isConfidential?: boolean } = {},
): Promise<string> {
  const owner = did === undefined ? {} : { sub: did as Grant['tokenSet']['sub'] }
  const rows = createGrantRows({ db, sealer, clients: { isConfidential }, clock: Date.now })
  return (await db.$transaction((tx) => rows.insert(tx, newId(), server.issue(owner)))).id
}

/** Lets time pass for a grant: all its times are of the database's clock, so they are moved into the past. */
export async function ageGrant(db: PrismaClient, id: string, ms: number): Promise<void> {
  await ageGrants(db, [id], ms)
}

/** Lets time pass for many grants. */
export async function ageGrants(db: PrismaClient, ids: readonly string[], ms: number): Promise<void> {
  await db.$executeRaw`
    UPDATE "Grant"
       SET "refreshAfter" = "refreshAfter" - ${ms}::float8 * interval '1 millisecond',
           "accessEndsAt" = "accessEndsAt" - ${ms}::float8 * interval '1 millisecond',
           "updatedAt" = "updatedAt" - ${ms}::float8 * interval '1 millisecond',
           "leaseUntil" = "leaseUntil" - ${ms}::float8 * interval '1 millisecond',
           "keepAliveAfter" = "keepAliveAfter" - ${ms}::float8 * interval '1 millisecond',
           "sentAt" = "sentAt" - ${ms}::float8 * interval '1 millisecond'
     WHERE "id" = ANY(${ids}::text[])`
}

/** Writes a grant whose access token has ended. */
export async function storeEndedGrant(stores: Stores, server: TokenServer): Promise<string> {
  const id = await storeGrant(stores, server)
  await ageGrant(stores.db, id, 2 * HOUR)
  return id
}
