import { GatewayError } from '../platform/errors.ts'
import type { Prisma, PrismaClient } from '../store/sql/generated/client.ts'
import type { Viewer } from './viewer.ts'

/**
 * Refuses a change by a session whose secret was replaced a moment ago.
 * @throws GatewayError FORBIDDEN
 */
export function requireNotReplaced({ isReplaced }: Viewer): void {
  if (isReplaced) throw replaced()
}

/**
 * Refuses to change a group for a session that another tab of the same client is just replacing. Of two changes at once one
 * wins, so that the cookie that the browser ends with is always that of the active session. To be called with the group locked.
 * @throws GatewayError FORBIDDEN
 */
export async function requireStillActive(tx: Prisma.TransactionClient, viewer: Viewer): Promise<void> {
  if (!(await isStillActive(tx, viewer))) throw replaced()
}

/** Whether the viewer's session is still the one that its client uses, under the same secret. */
export async function isStillActive(db: Pick<PrismaClient, 'session'>, { session }: Viewer): Promise<boolean> {
  const unchanged = { id: session.id, isActive: true, secretHash: session.secretHash }
  return (await db.session.count({ where: unchanged })) > 0
}

function replaced(): GatewayError {
  return new GatewayError('FORBIDDEN', 'Another tab has changed the account a moment ago. Reload, and try again.')
}
