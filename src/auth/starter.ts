import { GatewayError } from '../errors.ts'
import type { PrismaClient } from '../store/generated/client.ts'
import { linkedSessions } from './session-group.ts'
import type { Viewer } from './viewer.ts'

/** Who began a flow from within a session: the account, and the group that it is signed in in. */
export type Starter = { did: string; groupId: string }

/**
 * The viewer as the starter of a flow, or as one who changes its group.
 * @throws GatewayError FORBIDDEN for a developer token: it is in no group, and must not beget sessions that outlive it
 */
export function starterOf({ session: { did, groupId } }: Viewer): Starter {
  if (groupId !== null) return { did, groupId }
  throw new GatewayError('FORBIDDEN', 'A developer token cannot do this. Sign in with a browser or an SDK session.')
}

/**
 * Whether the starter is still signed in. Signing out, or being signed out from elsewhere, ends the flows that were begun
 * before; an upgrade or a switch in another tab does not.
 */
export async function isStillSignedIn(
  db: Pick<PrismaClient, 'session'>,
  { did, groupId }: Starter,
  now: Date,
): Promise<boolean> {
  return (await db.session.count({ where: { AND: [linkedSessions(groupId, now), { did }] } })) > 0
}
