import type { Identity } from '../atproto/identity.ts'
import type { Profile } from '../atproto/profile.ts'
import type { Prisma } from '../store/sql/generated/client.ts'
import { LOOKED_UP_FOR } from './look-up-again.ts'

/**
 * Records an account as it is now. Tells whether this gateway sees it for the first time.
 * @param profile null when it could not be read: what was known before stays
 */
export async function recordAccount(
  tx: Prisma.TransactionClient,
  { identity, profile, now }: { identity: Identity; profile: Profile | null; now: Date },
): Promise<{ isNew: boolean }> {
  const { did, handle, pdsUrl } = identity
  const known = await tx.account.findUnique({ where: { did }, select: { did: true } })
  const lookUpAfter = new Date(now.getTime() + LOOKED_UP_FOR)
  const current = { handle, pdsUrl, refreshedAt: now, lookUpAfter, ...profile }
  await tx.account.upsert({ where: { did }, create: { did, createdAt: now, ...current }, update: current })
  return { isNew: known === null }
}
