import { setTimeout as sleep } from 'node:timers/promises'
import type { Rows } from './rows.ts'

// Only when a grant is due and when its access token ends. Its lease and its mark keep it from being refreshed twice: a
// run that moved them would break what it judges.
const AGED = `"refreshAfter" = clock_timestamp() - interval '1 second',
  "accessEndsAt" = CASE WHEN random() < 0.5 THEN "accessEndsAt" ELSE clock_timestamp() - interval '1 second' END`

const EVERY = 500

/** Makes some grants due every half second, until it is told to stop. */
export function startAgeing(rows: Rows, each: number): { stop(): Promise<void> } {
  let isOver = false
  const ageing = (async () => {
    while (!isOver) {
      await rows.tryQuery(
        `UPDATE "Grant" SET ${AGED} WHERE "id" IN
           (SELECT "id" FROM "Grant" WHERE "state" = 'ok' ORDER BY random() LIMIT $1)`,
        [each],
      )
      await sleep(EVERY)
    }
  })()
  return {
    async stop() {
      isOver = true
      await ageing
    },
  }
}

/** Makes every grant due. */
export const ageAll = (rows: Rows) => rows.tryQuery(`UPDATE "Grant" SET ${AGED} WHERE "state" = 'ok'`)

/** Lets the minute pass in which a grant whose refresh was broken off is left alone. Only when nothing is under way. */
export const passMarks = (rows: Rows) =>
  rows.query(`UPDATE "Grant" SET "leaseUntil" = NULL, "sentAt" = "sentAt" - interval '61 seconds'
               WHERE "leaseUntil" IS NOT NULL OR "sentAt" IS NOT NULL`)
