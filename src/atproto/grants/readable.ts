import type { Logger } from '../../platform/logger.ts'
import { StartError } from '../../platform/start-error.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { PrismaClient } from '../../store/sql/generated/client.ts'

/** How many grants are tried: those refreshed last, and those refreshed longest ago, with perhaps an older key. */
const TRIED = 50

/**
 * Checks that the encryption keys are those of this database. Otherwise every session would fail one by one, and its
 * grant be taken for damaged.
 * @throws StartError when they open none of the grants
 */
export async function requireReadableGrants(
  { db, sealer }: { db: PrismaClient; sealer: Pick<Sealer, 'isReadable'> },
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const order = { newest: 'desc', oldest: 'asc' } as const
  const tried = await Promise.all(
    Object.values(order).map((updatedAt) =>
      db.grant.findMany({ orderBy: { updatedAt }, take: TRIED, select: { sealed: true } }),
    ),
  )
  const texts = [...new Set(tried.flat().map(({ sealed }) => sealed))]
  const readable = (await Promise.all(texts.map((sealed) => sealer.isReadable(sealed)))).filter(Boolean).length
  if (texts.length === readable) return
  if (readable === 0) {
    throw new StartError(
      `ENCRYPTION_KEYS open none of the ${await db.grant.count()} grants in the database. Set the keys that sealed them.`,
    )
  }
  logger.warn(
    { tried: texts.length, readable },
    'ENCRYPTION_KEYS do not open every grant: a key is missing, and accounts will have to sign in again',
  )
}
