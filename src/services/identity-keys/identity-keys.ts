import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { IdentityKey as IdentityKeyRow, PrismaClient } from '../../store/sql/generated/client.ts'
import type { IdentityKey, PublicJwk } from './identity-key.ts'
import { createKnownKeys } from './known-keys.ts'
import { PUBLISHED_AFTER, PUBLISHED_BEFORE, SIGNS_FOR } from './lifetime.ts'
import { createKeyOpener } from './open-keys.ts'
import { deleteKeys, makeKey, readKeys, resealKey } from './rows.ts'

/**
 * The keys that sign identity tokens. They are in the database, where all replicas find the same ones, and each replica
 * keeps them in memory for a minute (docs/decisions/0010-identity-tokens.md).
 */
export interface IdentityKeys {
  /**
   * The key that signs now.
   * @throws StoreUnavailable
   */
  signing(): Promise<Pick<IdentityKey, 'kid' | 'privateKey'>>
  /**
   * The public keys by which services verify tokens: those that sign soon, now, or did so until a moment ago.
   * @throws StoreUnavailable
   */
  published(): Promise<readonly PublicJwk[]>
  /**
   * Makes the next key when it is due, deletes those that are over, and seals what an older encryption key has sealed.
   * @throws StoreUnavailable
   * @throws StartError when ENCRYPTION_KEYS open none of the keys
   */
  maintain(): Promise<void>
}

type Parts = {
  db: Pick<PrismaClient, 'identityKey' | '$transaction'>
  sealer: Sealer
  clock: Clock
  logger: Pick<Logger, 'warn' | 'info'>
}

export function createIdentityKeys(parts: Parts): IdentityKeys {
  const { clock, sealer } = parts
  const open = createKeyOpener(parts)
  const known = createKnownKeys(async () => open(await readOrMakeKeys(parts)), clock)

  return {
    async signing() {
      const keys = await known.get()
      const key = keys.findLast(({ signsFrom }) => signsFrom.getTime() <= clock()) ?? keys[0]
      if (key === undefined) throw new TypeError('there is always a key')
      return key
    },

    async published() {
      const keys = await known.get()
      return keys.filter((key) => !isOver(key, keys, clock())).map(({ publicJwk }) => publicJwk)
    },

    async maintain() {
      const rows = await readOrMakeKeys(parts)
      // Nothing is changed by a gateway that has other encryption keys.
      const opened = new Set((await open(rows)).map(({ kid }) => kid))
      await rotate(parts, rows)
      for (const row of rows) {
        if (opened.has(row.kid) && !sealer.isCurrent(row.sealed)) await resealKey(parts, row)
      }
      await known.refresh()
    },
  }
}

/** Reads the keys. The first one is made here: nobody can have a key set without it, so it signs at once. */
async function readOrMakeKeys(parts: Parts): Promise<IdentityKeyRow[]> {
  const rows = await readKeys(parts)
  if (rows.length > 0) return rows
  await makeKey(parts, { number: 1, signsFrom: new Date(parts.clock()) })
  return readKeys(parts)
}

/** Makes the next key when it is due, and deletes those that are over. */
async function rotate(parts: Parts, rows: readonly IdentityKeyRow[]): Promise<void> {
  const now = parts.clock()
  const last = rows.at(-1)
  if (last !== undefined && last.signsFrom.getTime() + SIGNS_FOR - PUBLISHED_BEFORE <= now) {
    const signsFrom = new Date(now + PUBLISHED_BEFORE)
    await makeKey(parts, { number: last.number + 1, signsFrom })
    parts.logger.info({ signsFrom }, 'next identity key made')
  }
  const over = rows.filter((row) => isOver(row, rows, now))
  await deleteKeys(
    parts,
    over.map(({ number }) => number),
  )
}

/** Whether another key has signed for so long that no token of this one is left. */
function isOver(
  { number }: Pick<IdentityKey, 'number'>,
  keys: readonly Pick<IdentityKey, 'number' | 'signsFrom'>[],
  now: number,
): boolean {
  return keys.some((later) => later.number > number && later.signsFrom.getTime() + PUBLISHED_AFTER <= now)
}
