import type { Clock } from '../../platform/clock.ts'
import { StoreUnavailable } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import { createSingleFlight } from '../../platform/single-flight.ts'
import { StartError } from '../../platform/start-error.ts'
import { SealError, type Sealer } from '../../store/sealing/sealer.ts'
import type { IdentityKey as IdentityKeyRow, PrismaClient } from '../../store/sql/generated/client.ts'
import { type IdentityKey, openKey, type PublicJwk } from './identity-key.ts'
import { PUBLISHED_AFTER, PUBLISHED_BEFORE, READ_EVERY, SIGNS_FOR, TRUSTED_IN_OUTAGE } from './lifetime.ts'
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
  const { clock } = parts
  const open = createOpener(parts)
  const reads = createSingleFlight<readonly IdentityKey[]>()
  let known: { keys: readonly IdentityKey[]; readAt: number } | null = null

  async function read(): Promise<readonly IdentityKey[]> {
    const readAt = clock()
    const keys = await open(await readOrMakeKeys(parts))
    known = { keys, readAt }
    return keys
  }

  async function current(): Promise<readonly IdentityKey[]> {
    const before = known
    const age = before === null ? Number.POSITIVE_INFINITY : Math.abs(clock() - before.readAt)
    if (before !== null && age < READ_EVERY) return before.keys
    try {
      return await reads.run('', read)
    } catch (error) {
      if (before !== null && age < TRUSTED_IN_OUTAGE && error instanceof StoreUnavailable) return before.keys
      throw error
    }
  }

  return {
    async signing() {
      const keys = await current()
      const key = keys.findLast(({ signsFrom }) => signsFrom.getTime() <= clock()) ?? keys[0]
      if (key === undefined) throw new TypeError('there is always a key')
      return key
    },

    async published() {
      const keys = await current()
      return keys.filter((key) => !isOver(key, keys, clock())).map(({ publicJwk }) => publicJwk)
    },

    async maintain() {
      const rows = await readOrMakeKeys(parts)
      const now = clock()
      const last = rows.at(-1)
      if (last !== undefined && last.signsFrom.getTime() + SIGNS_FOR - PUBLISHED_BEFORE <= now) {
        await makeKey(parts, { number: last.number + 1, signsFrom: new Date(now + PUBLISHED_BEFORE) })
        parts.logger.info({ signsFrom: new Date(now + PUBLISHED_BEFORE) }, 'next identity key made')
      }
      const over = rows.filter((row) => isOver(row, rows, now))
      await deleteKeys(
        parts,
        over.map(({ number }) => number),
      )
      const keys = await reads.run('', read)
      const opened = new Set(keys.map(({ kid }) => kid))
      const old = rows.filter(({ kid, sealed }) => opened.has(kid) && !parts.sealer.isCurrent(sealed))
      for (const row of old) await resealKey(parts, row)
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

/** Whether another key has signed for so long that no token of this one is left. */
function isOver(
  { number }: Pick<IdentityKey, 'number'>,
  keys: readonly Pick<IdentityKey, 'number' | 'signsFrom'>[],
  now: number,
): boolean {
  return keys.some((later) => later.number > number && later.signsFrom.getTime() + PUBLISHED_AFTER <= now)
}

/** Opens keys, each once: a replica that lacks a new encryption key goes on with what it has opened before. */
function createOpener({ sealer, logger }: Parts) {
  let opened = new Map<string, IdentityKey>()

  async function openOrWarn(row: IdentityKeyRow): Promise<IdentityKey[]> {
    const known = opened.get(row.kid)
    if (known !== undefined) return [{ ...known, signsFrom: row.signsFrom }]
    try {
      return [await openKey(sealer, row)]
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      logger.warn({ err: error, kid: row.kid }, 'identity key not opened: ENCRYPTION_KEYS lack the key that sealed it')
      return []
    }
  }

  return async (rows: readonly IdentityKeyRow[]): Promise<readonly IdentityKey[]> => {
    const keys = (await Promise.all(rows.map(openOrWarn))).flat()
    if (keys.length === 0) {
      throw new StartError(
        'ENCRYPTION_KEYS open none of the identity keys in the database. Set the keys that sealed them, or empty the table "IdentityKey".',
      )
    }
    opened = new Map(keys.map((key) => [key.kid, key]))
    return keys
  }
}
