import { SECOND } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { newSecret } from '../platform/random.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'
import { hashSecret, type SessionToken } from './token.ts'

/** How long a replaced secret still answers, so that requests in flight in other tabs do not fail. */
export const GRACE = 10 * SECOND

/** The accounts signed in side by side in one client. An awaiting session is in no group, so it is not among them. */
export function linkedSessions(groupId: string, now: Date): Prisma.SessionWhereInput {
  return { groupId, expiresAt: { gt: now } }
}

/** The order of the account switcher. */
export const LINKED_ORDER: Prisma.SessionOrderByWithRelationInput = { linkedAt: 'asc' }

/**
 * Takes the group for this transaction: whatever changes which of its sessions there are, or which is active, goes one at a time.
 * @returns whether the group exists
 */
export async function lockGroup(tx: Prisma.TransactionClient, groupId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`SELECT 1 FROM "SessionGroup" WHERE "id" = ${groupId} FOR UPDATE`
  return rows.length > 0
}

/**
 * Finds the session of an account of the group.
 * @throws GatewayError ACCOUNT_NOT_LINKED
 */
export async function findLinkedSession(
  tx: Prisma.TransactionClient,
  { groupId, did, now }: { groupId: string; did: string; now: Date },
): Promise<Session> {
  const linked = await tx.session.findFirst({ where: { AND: [linkedSessions(groupId, now), { did }] } })
  if (linked !== null) return linked
  throw new GatewayError('ACCOUNT_NOT_LINKED', 'That account is not signed in here. Add it first.')
}

/**
 * Makes a session the one that its client uses, under a fresh secret, in place of whichever was active in its group.
 * To be called with the group locked.
 */
export async function activateSession(
  tx: Prisma.TransactionClient,
  { id, kind, groupId, secretHash, graceUntil }: Session,
  now: Date,
): Promise<SessionToken> {
  if (groupId !== null) await deactivateGroup(tx, groupId, now)
  const secret = newSecret()
  const inGrace = graceUntil !== null && graceUntil > now
  await tx.session.update({
    where: { id },
    data: {
      secretHash: hashSecret(secret),
      formerHash: inGrace ? secretHash : null,
      isActive: true,
      // Making a developer token is not yet using it.
      lastUsedAt: kind === 'DEVELOPER_TOKEN' ? null : now,
    },
  })
  return { id, secret }
}

/** The active session's secret goes on answering for a moment; an older one of it does not. */
async function deactivateGroup(tx: Prisma.TransactionClient, groupId: string, now: Date): Promise<void> {
  await tx.session.updateMany({
    where: { groupId, isActive: true },
    data: { isActive: false, formerHash: null, graceUntil: new Date(now.getTime() + GRACE) },
  })
}
