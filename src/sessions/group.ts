import { GatewayError } from '../platform/errors.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'

/** The sessions of the accounts signed in side by side in one client. An awaiting session is in no group. */
export function linkedSessions(groupId: string, now: Date): Prisma.SessionWhereInput {
  return { groupId, expiresAt: { gt: now } }
}

/** The order of the account switcher. */
export const LINKED_ORDER: Prisma.SessionOrderByWithRelationInput = { linkedAt: 'asc' }

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
