import { setTimeout as sleep } from 'node:timers/promises'

/** How many rows a transaction of housekeeping changes at most, so that each is short. */
export const BATCH = 500

/** In milliseconds. Requests come in between, also where the database runs in this process. */
const PAUSE = 5

/**
 * Repeats a batch until one finds less than it may take, or the process closes.
 * @param batch returns how many rows it has found
 */
export async function untilDone(closing: AbortSignal, batch: (take: number) => Promise<number>): Promise<void> {
  while (!closing.aborted) {
    if ((await batch(BATCH)) < BATCH) return
    await sleep(PAUSE)
  }
}

/**
 * Walks through a whole table in the order of its primary key.
 * @param part looks at the `limit` rows after an id, and returns the last id and how many there were
 */
export async function walk(
  closing: AbortSignal,
  part: (options: { after: string; limit: number }) => Promise<{ last: string | null; count: number }>,
): Promise<void> {
  let after = ''
  await untilDone(closing, async (limit) => {
    const { last, count } = await part({ after, limit })
    after = last ?? after
    return count
  })
}
