import { isDue, lookUpAgain } from '../accounts/look-up-again.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, MINUTE } from '../platform/clock.ts'
import type { AccountSession } from './client.ts'
import { touchSession } from './rows.ts'

/** How old `lastUsedAt` may grow before it is written again. */
const TOUCH_INTERVAL = 5 * MINUTE

/**
 * Keeps a session that is in use alive, in the background: every few minutes it slides; a grant whose access token is
 * due is refreshed, which also finds out whether the PDS still honours it; and an account is looked up once a day. Of
 * requests that arrive together one does each. Returns at once and never throws.
 */
export function keepAlive(gateway: Gateway, session: AccountSession): void {
  const now = gateway.runtime.clock()
  // By this process's clock, which is good enough for a hint: what is due is decided by the database's.
  const { state, refreshAfter } = session.grant
  if (state === 'ok' && refreshAfter.getTime() <= now) gateway.atproto.grants.refreshSoon(session.grantId)
  if (isDue(session.account, now)) lookUp(gateway, session.did, now)
  if (session.lastUsedAt !== null && now - session.lastUsedAt.getTime() < TOUCH_INTERVAL) return
  touch(gateway, session, now).catch((error: unknown) =>
    gateway.runtime.logger.warn({ err: error, sessionId: session.id }, 'session not slid'),
  )
}

function lookUp({ stores, atproto, runtime }: Gateway, did: string, now: number): void {
  const onChange = () => runtime.sessionCache.invalidate([did])
  const parts = { db: stores.db, ...atproto, logger: runtime.logger, onChange }
  lookUpAgain(parts, { did, now }).catch((error: unknown) =>
    runtime.logger.warn({ err: error, did }, 'account not looked up'),
  )
}

/** Sessions slide each by itself. A developer token has a fixed end. */
async function touch({ config, stores, runtime }: Gateway, session: AccountSession, now: number): Promise<void> {
  const { id, kind, groupId } = session
  const until = kind === 'DEVELOPER_TOKEN' ? null : new Date(now + config.sessionDays * DAY)
  const unusedSince = new Date(now - TOUCH_INTERVAL)
  const isTouched = await touchSession(stores.db, id, { until, unusedSince, now: new Date(now) })
  // Also when another replica has touched it: the next request that reads it leaves it alone.
  runtime.sessionCache.invalidate([groupId ?? id])
  if (isTouched) runtime.logger.debug({ sessionId: id }, 'session touched')
}
