import { GrantLost } from '../atproto/grants/grants.ts'
import type { Gateway } from '../gateway.ts'
import { DAY, HOUR, MINUTE } from '../platform/clock.ts'
import type { Prisma } from '../store/sql/generated/client.ts'
import { announce } from './changes.ts'
import { lockGroup } from './group.ts'

/** How old `lastUsedAt` may grow before it is written again. */
const TOUCH_INTERVAL = 5 * MINUTE

/** How long a grant goes unrefreshed while its session is in use. */
const REFRESH_INTERVAL = 1 * HOUR

type SessionInUse = Prisma.SessionGetPayload<{ include: { credential: { select: { state: true; updatedAt: true } } } }>

type Parts = Pick<Gateway, 'db' | 'clock' | 'config' | 'credentials' | 'logger' | 'ephemeral'>

/**
 * Notes every few minutes that a session is used: its group slides, and a grant that was not used for an hour is refreshed, which
 * keeps it alive and finds out when the PDS no longer honours it. In the background: no reader waits for it.
 */
export function keepInUse(gateway: Parts, session: SessionInUse): void {
  const now = gateway.clock()
  if (session.lastUsedAt !== null && now - session.lastUsedAt.getTime() < TOUCH_INTERVAL) return
  slide(gateway, session, new Date(now)).catch((error: unknown) =>
    gateway.logger.warn({ err: error, sessionId: session.id }, 'session not slid'),
  )
  const { state, updatedAt } = session.credential
  if (state === 'revoked' || now - updatedAt.getTime() < REFRESH_INTERVAL) return
  gateway.credentials.refresh(session.credentialId).catch((error: unknown) => {
    const isLost = error instanceof GrantLost
    gateway.logger[isLost ? 'info' : 'warn']({ err: error, sessionId: session.id }, 'grant not refreshed')
    if (isLost && session.groupId !== null)
      announce(gateway, { groupId: session.groupId, kind: 'NEEDS_REAUTHENTICATION' })
  })
}

/** The sessions of a group slide together, each no further than its own grant. A developer token has a fixed end. */
async function slide(
  { db, config }: Parts,
  { id, groupId }: Pick<SessionInUse, 'id' | 'groupId'>,
  now: Date,
): Promise<void> {
  await db.$transaction(async (tx) => {
    if (groupId !== null) {
      await lockGroup(tx, groupId)
      const latest = new Date(now.getTime() + config.sessionDays * DAY)
      await tx.$executeRaw`
        UPDATE "Session" SET "expiresAt" = LEAST(${latest}::timestamptz, "Credential"."expiresAt")
          FROM "Credential"
         WHERE "Credential"."id" = "Session"."credentialId"
           AND "Session"."groupId" = ${groupId} AND "Session"."expiresAt" > ${now}::timestamptz`
    }
    await tx.session.updateMany({ where: { id }, data: { lastUsedAt: now } })
  })
}
