import { EXCHANGE_TOKEN_TTL } from '../flows/exchange-token.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, MINUTE } from '../platform/clock.ts'
import { endTokens } from '../sessions/end-tokens.ts'
import { withSessionChanges } from '../sessions/with-session-changes.ts'
import type { Prisma } from '../store/sql/generated/client.ts'

/** How many rows a round ends at most of each kind; the rest waits for the next round, so that no round takes long. */
const BATCH = 200
const INTERVAL = 5 * MINUTE

/** Sweeps every five minutes, also beside other replicas; call the returned function to stop. */
export function startHousekeeping(gateway: Gateway): () => Promise<void> {
  let round = Promise.resolve()
  const timer = setInterval(() => {
    round = round
      .then(() => sweep(gateway))
      .catch((error: unknown) =>
        gateway.runtime.logger.warn({ err: error }, 'housekeeping failed until its next round'),
      )
  }, INTERVAL)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await round
  }
}

/** One round: what nobody can use any more, grants that were not revoked, audit events past their time. */
export async function sweep(gateway: Gateway): Promise<void> {
  const now = gateway.runtime.clock()
  await sweepSessions(gateway, { expiresAt: { lte: new Date(now) } })
  await sweepSessions(gateway, { exchangedAt: null, createdAt: { lte: new Date(now - EXCHANGE_TOKEN_TTL - MINUTE) } })
  await endTokens(gateway, { take: BATCH })
  await gateway.stores.db.claimedFlow.deleteMany({ where: { endsAt: { lte: new Date(now) } } })
  await gateway.atproto.revocations.resume()
  await sweepAuditEvents(gateway, new Date(now - gateway.config.auditDays * DAY))
}

async function sweepSessions(gateway: Gateway, where: Prisma.SessionWhereInput): Promise<void> {
  const found = await gateway.stores.db.session.findMany({ where, select: { id: true }, take: BATCH })
  if (found.length === 0) return
  // The condition is checked again: a session that was used or exchanged meanwhile is kept.
  const stillSo = { AND: [where, { id: { in: found.map(({ id }) => id) } }] }
  await withSessionChanges(gateway, {}, (rows) => rows.end(stillSo))
}

async function sweepAuditEvents({ stores }: Gateway, before: Date): Promise<void> {
  const old = await stores.db.auditEvent.findMany({ where: { at: { lte: before } }, select: { id: true }, take: BATCH })
  await stores.db.auditEvent.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } })
}
