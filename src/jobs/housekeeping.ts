import { EXCHANGE_TOKEN_TTL } from '../flows/exchange-token.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, MINUTE } from '../platform/clock.ts'
import { type ChangingParts, changingSessions, endSessions } from '../sessions/rows.ts'
import type { Prisma } from '../store/sql/generated/client.ts'

/** What is swept at a time; the rest waits for the next round, so that no round takes long. */
const BATCH = 200
const INTERVAL = 5 * MINUTE

type Parts = ChangingParts & Pick<Gateway, 'clock' | 'config'>

/** Sweeps now and then until the function that it gives is called. Replicas may do so side by side. */
export function startHousekeeping(gateway: Parts): () => Promise<void> {
  let round = Promise.resolve()
  const timer = setInterval(() => {
    round = round
      .then(() => sweep(gateway))
      .catch((error: unknown) =>
        gateway.logger.warn({ err: error }, 'housekeeping failed; it goes on at the next round'),
      )
  }, INTERVAL)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await round
  }
}

/** One round: sessions that nobody can use any more, grants that were not revoked, audit events past their time. */
export async function sweep(gateway: Parts): Promise<void> {
  const { db, clock, config, revocation } = gateway
  const now = clock()
  await sweepSessions(gateway, { expiresAt: { lte: new Date(now) } })
  await sweepSessions(gateway, { secretHash: null, createdAt: { lte: new Date(now - EXCHANGE_TOKEN_TTL - MINUTE) } })
  // The client of a group without an active session has no token left to switch with.
  await sweepSessions(gateway, { group: { sessions: { none: { isActive: true } } } })
  await revocation.resume()
  const old = await db.auditEvent.findMany({
    where: { at: { lte: new Date(now - config.auditDays * DAY) } },
    select: { id: true },
    take: BATCH,
  })
  await db.auditEvent.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } })
}

async function sweepSessions(gateway: Parts, where: Prisma.SessionWhereInput): Promise<void> {
  const found = await gateway.db.session.findMany({ where, select: { id: true }, take: BATCH })
  if (found.length === 0) return
  await changingSessions(gateway, async (tx) => {
    // Asked again: one that was used or switched to in between is kept.
    const ended = await endSessions(tx, { AND: [where, { id: { in: found.map(({ id }) => id) } }] })
    return { ended, result: undefined }
  })
}
