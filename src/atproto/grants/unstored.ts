import { setTimeout as sleep } from 'node:timers/promises'
import pRetry from 'p-retry'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { GrantCopies } from './copies.ts'
import type { HeldGrant } from './grant.ts'
import type { GrantChange } from './grant-change.ts'
import type { GrantRows } from './rows.ts'
import { type SealedGrant, sealGrant } from './sealed-grant.ts'

/**
 * The token sets that servers gave and that are not stored yet. Each is the only valid one of its grant, so it is held
 * here until it is stored, however long that takes.
 */
export interface UnstoredGrants {
  find(id: string): HeldGrant | undefined
  /**
   * Holds a token set and stores it. Resolves when it is stored, or when that failed for the first time, or takes long:
   * it is then stored in the background. Never rejects.
   */
  keep(held: HeldGrant): Promise<void>
  /**
   * Stores the set that is held of a grant now, if one is.
   * @throws GatewayError SERVICE_UNAVAILABLE
   */
  store(id: string): Promise<void>
  /** How many there are. */
  count(): number
  /** Stores what there is, in `withinMs` milliseconds at most. */
  close(withinMs: number): Promise<void>
}

type Parts = {
  rows: Pick<GrantRows, 'store'>
  copies: Pick<GrantCopies, 'save'>
  sealer: Sealer
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Called with a set that no session needs any more. Never rejects. */
  giveBack(held: HeldGrant): Promise<void>
  onChange(change: GrantChange): void
}

/** Sealed once, so that this process and one that found the copy write the same text. */
type Entry = { held: HeldGrant; sealed?: Promise<SealedGrant> }

/** A caller waits no longer for a database: it has what it asked for. */
const CALLER_WAITS = 2 * SECOND

const BACKOFF = { minTimeout: 500, maxTimeout: 10 * SECOND, randomize: true }
const WHILE_CLOSING = { minTimeout: 250, maxTimeout: 250 }

type StoreOptions = { minTimeout: number; maxTimeout: number; signal: AbortSignal; onFirstFailure?: () => void }

export function createUnstoredGrants({ rows, copies, sealer, logger, giveBack, onChange }: Parts): UnstoredGrants {
  const entries = new Map<string, Entry>()
  const closing = new AbortController()

  async function store(entry: Entry): Promise<void> {
    const { held } = entry
    const sealed = await seal(entry)
    // First, and not waited for: if the process ends here or the database is away, the copy may get through.
    void saveCopy(sealed)
    const outcome = await rows.store(sealed, held.grant)
    if (entries.get(held.id) === entry) entries.delete(held.id)
    if (outcome === 'stored') onChange({ id: held.id, state: 'ok' })
    if (outcome === 'gone') await giveBack(held)
    if (outcome === 'conflict') logger.error({ grantId: held.id }, 'another token set of this generation is stored')
  }

  function seal(entry: Entry): Promise<SealedGrant> {
    const { id, did, generation } = entry.held
    entry.sealed ??= sealGrant(sealer, entry.held)
      .then((sealed) => ({ id, did, generation, sealed }))
      .catch((error: unknown) => {
        delete entry.sealed
        throw error
      })
    return entry.sealed
  }

  async function saveCopy(sealed: SealedGrant): Promise<void> {
    await copies
      .save(sealed)
      .catch((error: unknown) => logger.warn({ err: error, grantId: sealed.id }, 'no copy of a refreshed grant'))
  }

  /** Stores an entry, however often that fails, until it is stored or replaced by a newer one. */
  async function storeAtLast(entry: Entry, { onFirstFailure, ...options }: StoreOptions): Promise<void> {
    const { id } = entry.held
    let hasFailed = false
    const attempt = async () => {
      if (entries.get(id) === entry) await store(entry).catch(asRetriable)
    }
    const onFailedAttempt = ({ error }: { error: Error }) => {
      if (!hasFailed) logger.warn({ err: error.cause, grantId: id }, 'refreshed grant not stored yet')
      hasFailed = true
      onFirstFailure?.()
    }
    await pRetry(attempt, { retries: Number.POSITIVE_INFINITY, ...options, onFailedAttempt })
    if (hasFailed) logger.info({ grantId: id }, 'refreshed grant stored')
  }

  function asUnstored(grantId: string) {
    return (error: unknown) => logger.error({ err: error, grantId }, 'refreshed grant not stored; its copy may heal it')
  }

  return {
    find: (id) => entries.get(id)?.held,

    async keep(held) {
      const entry: Entry = { held }
      // Before anything is waited for: from now on the set is not lost but with the process.
      entries.set(held.id, entry)
      // The process is about to end: there is no time to try again.
      if (closing.signal.aborted) return store(entry).catch(asUnstored(held.id))
      const { promise: hasFailed, resolve: onFirstFailure } = Promise.withResolvers<void>()
      const stored = storeAtLast(entry, { ...BACKOFF, signal: closing.signal, onFirstFailure }).catch(() => undefined)
      await Promise.race([stored, hasFailed, sleep(CALLER_WAITS, undefined, { ref: false })])
    },

    async store(id) {
      const entry = entries.get(id)
      if (entry !== undefined) await store(entry)
    },

    count: () => entries.size,

    async close(withinMs) {
      closing.abort()
      const signal = AbortSignal.timeout(withinMs)
      const attempts = [...entries.values()].map((entry) => storeAtLast(entry, { ...WHILE_CLOSING, signal }))
      await Promise.race([Promise.allSettled(attempts), sleep(withinMs, undefined, { ref: false })])
      for (const grantId of entries.keys()) asUnstored(grantId)(new Error('not in time'))
    },
  }
}

/** The library gives up on a TypeError of ours. Nothing is a reason to drop the only valid token set. */
function asRetriable(error: unknown): never {
  throw new Error('not stored', { cause: error })
}
