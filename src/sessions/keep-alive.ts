import { GrantLost } from '../atproto/grants/rows.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, HOUR, MINUTE } from '../platform/clock.ts'
import { announce } from './changes.ts'
import type { AccountSession } from './client.ts'
import { withSessionChanges } from './with-session-changes.ts'

/** How old `lastUsedAt` may grow before it is written again. */
const TOUCH_INTERVAL = 5 * MINUTE

/** How long a grant goes unrefreshed while its session is in use. */
const REFRESH_INTERVAL = 1 * HOUR

/**
 * Keeps a session that is in use alive, in the background: every few minutes it slides, and a grant that was not
 * refreshed for an hour is refreshed, which also finds out whether the PDS still honours it. Returns at once and never
 * throws.
 */
export function keepAlive(gateway: Gateway, session: AccountSession): void {
  const now = gateway.runtime.clock()
  if (session.lastUsedAt !== null && now - session.lastUsedAt.getTime() < TOUCH_INTERVAL) return
  touch(gateway, session, now).catch((error: unknown) =>
    gateway.runtime.logger.warn({ err: error, sessionId: session.id }, 'session not slid'),
  )
  const { state, updatedAt } = session.grant
  if (state === 'ok' && now - updatedAt.getTime() >= REFRESH_INTERVAL) refresh(gateway, session)
}

/** Sessions slide each by itself. A developer token has a fixed end. */
async function touch(gateway: Gateway, { id, kind }: AccountSession, now: number): Promise<void> {
  const until = kind === 'DEVELOPER_TOKEN' ? null : new Date(now + gateway.config.sessionDays * DAY)
  const unusedSince = new Date(now - TOUCH_INTERVAL)
  await withSessionChanges(gateway, {}, (rows) => rows.touch(id, { until, unusedSince, now: new Date(now) }))
}

function refresh(gateway: Gateway, { id, grantId, groupId }: AccountSession): void {
  gateway.atproto.grants.refresh(grantId).catch((error: unknown) => {
    const isLost = error instanceof GrantLost
    gateway.runtime.logger[isLost ? 'info' : 'warn']({ err: error, sessionId: id }, 'grant not refreshed')
    if (isLost && groupId !== null) announce(gateway, { groupId, kind: 'NEEDS_REAUTHENTICATION' })
  })
}
