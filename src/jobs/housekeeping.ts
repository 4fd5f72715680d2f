import { deleteAuditEvents } from '../audit/audit.ts'
import { deleteClaims } from '../flows/claim.ts'
import { EXCHANGE_TOKEN_TTL } from '../flows/exchange-token.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, MINUTE } from '../platform/clock.ts'
import { StoreUnavailable } from '../platform/errors.ts'
import { deleteEmptyGroups } from '../sessions/delete-empty-groups.ts'
import { endExpiredSessions, endExpiredSingles, endUnexchanged } from '../sessions/end-expired.ts'
import { endTokens } from '../sessions/end-tokens.ts'
import { keepGrantsAlive } from './keep-alive-grants.ts'
import { untilDone, walk } from './until-done.ts'

const INTERVAL = 5 * MINUTE

/** How often whole tables are walked through. */
const WALK_INTERVAL = 1 * DAY

/**
 * Sweeps and keeps idle grants alive every five minutes, also beside other replicas; the returned function stops it and
 * resolves once the batch under way is done. Refreshes that are under way then are left to the end of the grants.
 */
export function startHousekeeping(gateway: Gateway): () => Promise<void> {
  let round: Promise<void> | undefined
  let keepsAlive = false
  let walkedAt = Number.NEGATIVE_INFINITY

  async function runRound(): Promise<void> {
    const walks = performance.now() - walkedAt >= WALK_INTERVAL
    if (walks) walkedAt = performance.now()
    await sweep(gateway, { walks })
    round = undefined
  }

  async function keepAlive(): Promise<void> {
    keepsAlive = true
    await keepGrantsAlive(gateway)
    keepsAlive = false
  }

  // A round that takes longer than the interval goes on, and no second one begins beside it.
  const timer = setInterval(() => {
    round ??= runRound()
    // Beside it: servers take their time.
    if (!keepsAlive) void keepAlive()
  }, INTERVAL)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await round
  }
}

/**
 * Works off whatever nobody can use any more: in batches, each a transaction of its own, until it is done or the
 * process closes. A step that fails keeps no other from its work. Grants are revoked in the background. Never rejects.
 * @param options `walks`: whether to look through whole tables too, for what a running release never leaves behind
 */
export async function sweep(gateway: Gateway, { walks = true }: { walks?: boolean } = {}): Promise<void> {
  const { runtime } = gateway
  for (const [step, work] of Object.entries({ ...STEPS, ...(walks ? WALKS : {}) })) {
    // In the background: servers take their time. There is more to revoke after each step.
    void gateway.atproto.revocations.resume()
    try {
      await work(gateway)
    } catch (error) {
      runtime.logger.warn({ err: error, step }, 'housekeeping failed until its next round')
      // Nothing else can be done then, and one line of the log is enough.
      if (error instanceof StoreUnavailable) return
    }
  }
  void gateway.atproto.revocations.resume()
}

type Step = (gateway: Gateway) => Promise<void>

const STEPS: Record<string, Step> = {
  'expired sessions': (gateway) => batches(gateway, (take) => endExpiredSessions(gateway, { take })),
  'expired developer tokens': (gateway) => batches(gateway, (take) => endExpiredSingles(gateway, { take })),
  'sessions not exchanged': (gateway) =>
    batches(gateway, (take) => endUnexchanged(gateway, { take, before: ago(gateway, EXCHANGE_TOKEN_TTL + MINUTE) })),
  'ended tokens': (gateway) => batches(gateway, (take) => endTokens(gateway, { take })),
  'claimed flows': (gateway) => batches(gateway, (take) => deleteClaims(gateway, { take })),
  'audit events': (gateway) => {
    const before = ago(gateway, gateway.config.auditDays * DAY)
    return batches(gateway, (take) => deleteAuditEvents(gateway.stores.db, { before, take }))
  },
}

/** Of a session that an older release ended while it ran beside this one, the grant is left. */
const WALKS: Record<string, Step> = {
  'grants without a session': ({ atproto, runtime }) => walk(runtime.closing, atproto.grants.due.markStrays),
  'grants without a time to be kept alive': ({ atproto, runtime }) =>
    walk(runtime.closing, atproto.grants.idle.scheduleStrays),
  'empty groups': (gateway) => walk(gateway.runtime.closing, (part) => deleteEmptyGroups(gateway, part)),
}

function batches({ runtime }: Gateway, batch: (take: number) => Promise<number>): Promise<void> {
  return untilDone(runtime.closing, batch)
}

function ago({ runtime }: Gateway, ms: number): Date {
  return new Date(runtime.clock() - ms)
}
