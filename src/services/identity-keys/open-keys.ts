import type { Logger } from '../../platform/logger.ts'
import { StartError } from '../../platform/start-error.ts'
import { SealError, type Sealer } from '../../store/sealing/sealer.ts'
import type { IdentityKey as IdentityKeyRow } from '../../store/sql/generated/client.ts'
import { type IdentityKey, openKey } from './identity-key.ts'

type Parts = { sealer: Pick<Sealer, 'open'>; logger: Pick<Logger, 'warn'> }

/**
 * Opens stored keys, each once: a replica that lacks a new encryption key goes on with what it has opened before. The
 * returned function throws a StartError when none of the keys opens.
 */
export function createKeyOpener({ sealer, logger }: Parts) {
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
