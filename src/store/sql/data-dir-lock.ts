import { join } from 'node:path'
import { lock } from 'proper-lockfile'
import { SECOND } from '../../platform/clock.ts'

/** A lock that its process has not renewed for so long is taken over. */
const STALE = 10 * SECOND

/**
 * Takes the data directory for this process: two processes on one embedded database would destroy it.
 * @param waitMs how long to wait for it; the default is enough for a lock to fall that a crash left behind
 * @returns lets go of it
 * @throws Error when another process has it
 */
export async function lockDataDir(dataDir: string, { waitMs = STALE + SECOND } = {}): Promise<() => Promise<void>> {
  try {
    const retries = { retries: Math.ceil(waitMs / SECOND), factor: 1, minTimeout: SECOND }
    // In the directory, not beside it: what is beside may not be writable, and is not there when two containers share a volume.
    return await lock(dataDir, { lockfilePath: join(dataDir, 'lock'), stale: STALE, retries })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ELOCKED')) throw error
    throw new Error(`Another process uses ${dataDir}. Stop it, or set DATA_DIR to another directory.`, { cause: error })
  }
}
