import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Gateway } from '../gateway.ts'
import { StoreUnavailable } from '../platform/errors.ts'
import { KeyMissing, SealError } from '../store/sealing/sealer.ts'

type Parts = {
  stores: Pick<Gateway['stores'], 'ephemeral' | 'sealer'>
  runtime: Pick<Gateway['runtime'], 'logger'>
}

/**
 * The key of an entry. The secret that finds it is hashed, so that the store's keys reveal no secret that is still
 * good.
 */
export function entryKey(prefix: 'flow' | 'exchange', secret: string): string {
  return `${prefix}:${hash('sha256', secret, 'base64url')}`
}

/** Stores an entry. It is sealed and bound to its key, so that nobody can read, forge or move it. */
export async function storeEntry(
  { stores }: Pick<Parts, 'stores'>,
  { key, value, ttlMs }: { key: string; value: unknown; ttlMs: number },
): Promise<void> {
  await stores.ephemeral.set(key, await stores.sealer.seal(value, key), { ttlMs })
}

/**
 * Reads an entry. Null when there is none, it has expired, or another version of the gateway wrote it in a form that
 * this one cannot read. Reading takes nothing away: what meets an outage afterwards can be tried again. The database
 * decides that it happens once.
 * @throws GatewayError SERVICE_UNAVAILABLE, also where another replica sealed the entry with a key that this process
 *   does not have yet
 */
export async function readEntry<T>(
  { stores, runtime }: Parts,
  { key, read }: { key: string; read: (value: unknown) => T },
): Promise<T | null> {
  const sealed = await stores.ephemeral.get(key)
  if (sealed === null) return null
  try {
    return read(await stores.sealer.open(sealed, key))
  } catch (error) {
    if (error instanceof KeyMissing) throw new StoreUnavailable('ephemeral store', error)
    if (!(error instanceof SealError || error instanceof z.ZodError)) throw error
    runtime.logger.warn({ err: error }, 'stored flow not readable')
    return null
  }
}

/** Deletes an entry that is done with. Never rejects: it expires by itself, and is good for nothing more until then. */
export async function forgetEntry({ stores, runtime }: Parts, key: string): Promise<void> {
  await stores.ephemeral
    .delete(key)
    .catch((error: unknown) => runtime.logger.warn({ err: error }, 'stored flow not deleted'))
}
