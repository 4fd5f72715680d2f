import { join } from 'node:path'
import { lock } from 'proper-lockfile'
import { SECOND } from '../../platform/clock.ts'
import { hasErrorCode } from '../../platform/errors.ts'
import { StartError } from '../../platform/start-error.ts'

/** A lock that its process has not renewed for this long is taken over. */
const STALE = 10 * SECOND

/**
 * Locks the data directory for this process: two processes on one embedded database would destroy it.
 * @param waitMs how long to wait for the lock; the default is long enough for the lock of a crashed process to expire
 * @returns a function that releases the lock
 * @throws StartError when another process holds the lock
 */
export async function lockDataDir(dataDir: string, { waitMs = STALE + SECOND } = {}): Promise<() => Promise<void>> {
  try {
    const retries = { retries: Math.ceil(waitMs / SECOND), factor: 1, minTimeout: SECOND }
    // Inside the directory, not beside it: the parent may not be writable, and containers that share a volume do not
    // share it.
    return await lock(dataDir, { lockfilePath: join(dataDir, 'lock'), stale: STALE, retries })
  } catch (error) {
    if (!hasErrorCode(error, 'ELOCKED')) throw error
    throw new StartError(`Another process uses ${dataDir}. Stop it, or set DATA_DIR to another directory.`, {
      cause: error,
    })
  }
}
