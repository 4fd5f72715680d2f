import { GrantLost } from '../atproto/grants/rows.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, HOUR, MINUTE } from '../platform/clock.ts'
import type { Prisma } from '../store/sql/generated/client.ts'
import { announce } from './changes.ts'
import type { Viewer } from './viewer.ts'
import { withSessionChanges } from './with-session-changes.ts'

/** How old `lastUsedAt` may grow before it is written again. */
const TOUCH_INTERVAL = 5 * MINUTE

/** How long a grant goes unrefreshed while its session is in use. */
const REFRESH_INTERVAL = 1 * HOUR

type UsedSession = Prisma.SessionGetPayload<{ include: { grant: { select: { state: true; updatedAt: true } } } }>

/**
 * Keeps a session that is in use alive, in the background: every few minutes its group slides, and a grant that was not
 * refreshed for an hour is refreshed, which also finds out whether the PDS still honours it. Returns at once and never
 * throws.
 */
export function keepAlive(gateway: Gateway, { session, isReplaced }: Pick<Viewer, 'session' | 'isReplaced'>): void {
  const now = gateway.runtime.clock()
  if (isReplaced) return
  if (session.lastUsedAt !== null && now - session.lastUsedAt.getTime() < TOUCH_INTERVAL) return
  slide(gateway, session, new Date(now)).catch((error: unknown) =>
    gateway.runtime.logger.warn({ err: error, sessionId: session.id }, 'session not slid'),
  )
  const { state, updatedAt } = session.grant
  if (state === 'ok' && now - updatedAt.getTime() >= REFRESH_INTERVAL) refresh(gateway, session)
}

/** The sessions of a group slide together. A developer token has a fixed end. */
async function slide(gateway: Gateway, { id, groupId }: UsedSession, now: Date): Promise<void> {
  const until = new Date(now.getTime() + gateway.config.sessionDays * DAY)
  await withSessionChanges(gateway, { groups: groupId === null ? [] : [groupId] }, async (rows) => {
    if (groupId !== null) await rows.slideGroup(groupId, { until, now })
    await rows.touch(id, now)
  })
}

function refresh(gateway: Gateway, { id, grantId, groupId }: UsedSession): void {
  gateway.atproto.grants.refresh(grantId).catch((error: unknown) => {
    const isLost = error instanceof GrantLost
    gateway.runtime.logger[isLost ? 'info' : 'warn']({ err: error, sessionId: id }, 'grant not refreshed')
    if (isLost && groupId !== null) announce(gateway, { groupId, kind: 'NEEDS_REAUTHENTICATION' })
  })
}
