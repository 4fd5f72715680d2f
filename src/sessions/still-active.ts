import { GatewayError } from '../platform/errors.ts'
import type { Prisma, PrismaClient } from '../store/sql/generated/client.ts'
import type { Viewer } from './viewer.ts'

/**
 * Refuses a change by a session whose secret has just been replaced.
 * @throws GatewayError FORBIDDEN
 */
export function requireNotReplaced({ isReplaced }: Viewer): void {
  if (isReplaced) throw replaced()
}

/**
 * Refuses a change of a group by a session that another tab of the same client has replaced meanwhile. Of two changes
 * at once one wins, so that the browser's cookie is always that of the active session. Call it with the group locked.
 * @throws GatewayError FORBIDDEN
 */
export async function requireStillActive(tx: Prisma.TransactionClient, viewer: Viewer): Promise<void> {
  if (!(await isStillActive(tx, viewer))) throw replaced()
}

/** Whether the viewer's session is still the one that its client uses, with the same secret. */
export async function isStillActive(db: Pick<PrismaClient, 'session'>, { session }: Viewer): Promise<boolean> {
  const unchanged = { id: session.id, isActive: true, secretHash: session.secretHash }
  return (await db.session.count({ where: unchanged })) > 0
}

function replaced(): GatewayError {
  return new GatewayError('FORBIDDEN', 'Another tab has just changed the account. Reload the page and try again.')
}
