import { createBackground } from '../../platform/background.ts'
import { type Clock, MINUTE, SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PrismaClient } from '../../store/sql/generated/client.ts'
import { type FetchPermissionSet, type PublishedSet, parseDefinition } from './fetch-permission-set.ts'
import type { KnownSets, PermissionSet } from './permission-set.ts'

/**
 * The permission sets that the gateway declares, and no others, so that no request makes the gateway look one up.
 * A set that cannot be fetched now is taken as it was when it was last seen, by whichever replica.
 */
export interface PermissionSets {
  /**
   * A set as it is known now: from memory, without waiting. One that has not been fetched for ten minutes is fetched
   * in the background.
   */
  readonly find: KnownSets
  /**
   * Reads the sets that were seen before from the database, and begins to fetch all of them.
   * @throws StoreUnavailable
   */
  load(): Promise<void>
  /** Waits for what is being fetched. */
  settle(): Promise<void>
}

type Parts = {
  db: Pick<PrismaClient, 'permissionSet'>
  fetchSet: FetchPermissionSet
  clock: Clock
  logger: Pick<Logger, 'info' | 'warn'>
  /** Ends what is being fetched. */
  closing: AbortSignal
}

/** The reference server looks every five minutes. */
const FETCH_AFTER = 10 * MINUTE
const RETRY_AFTER = 1 * MINUTE
const FETCHING_TAKES = 20 * SECOND

/** What is known of a set, and when it is due. */
type Entry = { known: PermissionSet | null; seenAt: number; dueAt: number; isFetching: boolean }

/** @param nsids the sets that the gateway declares */
export function createPermissionSets(parts: Parts, nsids: readonly string[]): PermissionSets {
  const { clock } = parts
  const background = createBackground()
  const entries = new Map<string, Entry>(
    nsids.map((nsid) => [nsid, { known: null, seenAt: Number.NEGATIVE_INFINITY, dueAt: 0, isFetching: false }]),
  )

  function fetchIfDue(nsid: string, entry: Entry): void {
    if (entry.isFetching || clock() < entry.dueAt) return
    entry.isFetching = true
    background.add(
      refresh(parts, nsid, entry).finally(() => {
        entry.isFetching = false
      }),
    )
  }

  return {
    find(nsid) {
      const entry = entries.get(nsid)
      if (entry === undefined) return null
      fetchIfDue(nsid, entry)
      return entry.known
    },

    async load() {
      if (entries.size === 0) return
      await readStored(parts, entries)
      for (const [nsid, entry] of entries) fetchIfDue(nsid, entry)
    },

    settle: () => background.settle(),
  }
}

/** Fetches a set, or takes it as another replica has seen it. Never rejects. */
async function refresh(parts: Parts, nsid: string, entry: Entry): Promise<void> {
  const { fetchSet, clock, closing, logger } = parts
  const beganAt = clock()
  try {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(FETCHING_TAKES)])
    const published = await unlessAborted(fetchSet(nsid, { signal }), signal)
    if (!isSame(entry.known, published)) entry.known = { nsid, definition: published.definition }
    entry.seenAt = beganAt
    entry.dueAt = beganAt + FETCH_AFTER
    await store(parts, published, beganAt)
  } catch (error) {
    entry.dueAt = beganAt + RETRY_AFTER
    if (closing.aborted) return
    logger.warn({ err: error, nsid, isKnown: entry.known !== null }, 'permission set not fetched')
    await readStored(parts, new Map([[nsid, entry]])).catch((cause: unknown) =>
      logger.warn({ err: cause, nsid }, 'permission set not read'),
    )
  }
}

/** Looking a name up in DNS takes no signal. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort))
}

/** What was expanded of a set is kept with it, so one that has not changed stays the same object. */
function isSame(known: PermissionSet | null, { definition }: PublishedSet): boolean {
  return known !== null && JSON.stringify(known.definition) === JSON.stringify(definition)
}

/** Stores a set for the next start, and for replicas that cannot fetch it. Without that, it counts all the same. */
async function store({ db, logger }: Parts, { nsid, did, cid, definition }: PublishedSet, seenAt: number) {
  const row = { did, cid, definition: JSON.stringify(definition), fetchedAt: new Date(seenAt) }
  try {
    await db.permissionSet.upsert({ where: { nsid }, create: { nsid, ...row }, update: row })
  } catch (error) {
    logger.warn({ err: error, nsid }, 'permission set not stored')
  }
}

/** Takes from the database what was seen later than what is in memory. */
async function readStored({ db, logger }: Parts, entries: ReadonlyMap<string, Entry>): Promise<void> {
  const rows = await db.permissionSet.findMany({ where: { nsid: { in: [...entries.keys()] } } })
  for (const { nsid, definition, fetchedAt } of rows) {
    const entry = entries.get(nsid)
    if (entry === undefined || fetchedAt.getTime() <= entry.seenAt) continue
    try {
      entry.known = { nsid, definition: parseDefinition(JSON.parse(definition)) }
      entry.seenAt = fetchedAt.getTime()
    } catch (error) {
      logger.warn({ err: error, nsid }, 'stored permission set not understood')
    }
  }
}
