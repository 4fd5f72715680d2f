import type { Identities } from '../atproto/identity.ts'
import type { Profiles } from '../atproto/profile.ts'
import { DAY, HOUR } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Account, PrismaClient } from '../store/sql/generated/client.ts'

/** How old what is known of an account may grow while it is used. */
export const LOOKED_UP_FOR = DAY
/** How long an attempt is waited for, by whichever process claimed it, before another one is made. */
const BETWEEN_ATTEMPTS = HOUR

type Parts = {
  db: PrismaClient
  identities: Pick<Identities, 'lookUp'>
  profiles: Profiles
  logger: Pick<Logger, 'info'>
  /** Is told once what is stored of the account may have changed, by whichever process. Never throws. */
  onChange(): void
}

/** Whether an account is to be looked up again. */
export function isDue({ lookUpAfter }: Pick<Account, 'lookUpAfter'>, now: number): boolean {
  return lookUpAfter.getTime() <= now
}

/**
 * Looks an account up again: its handle, its PDS and its profile may have changed. Of any number of processes one does
 * it. Whether a server is still the authority over the account is another question, which each refresh of its grants
 * asks.
 */
export async function lookUpAgain(parts: Parts, account: { did: string; now: number }): Promise<void> {
  try {
    if (await claim(parts, account)) await lookUp(parts, account)
  } finally {
    parts.onChange()
  }
}

async function claim({ db }: Parts, { did, now }: { did: string; now: number }): Promise<boolean> {
  const { count } = await db.account.updateMany({
    where: { did, lookUpAfter: { lte: new Date(now) } },
    data: { lookUpAfter: new Date(now + BETWEEN_ATTEMPTS) },
  })
  return count > 0
}

async function lookUp(
  { db, identities, profiles, logger }: Parts,
  { did, now }: { did: string; now: number },
): Promise<void> {
  try {
    const identity = await identities.lookUp(did)
    const profile = await profiles.read(identity)
    const { handle, pdsUrl } = identity
    // An account that was forgotten meanwhile is not written again.
    await db.account.updateMany({
      where: { did },
      data: { handle, pdsUrl, ...profile, refreshedAt: new Date(now), lookUpAfter: new Date(now + LOOKED_UP_FOR) },
    })
  } catch (error) {
    logger.info({ err: error, did }, 'account not looked up; tried again in an hour')
  }
}
