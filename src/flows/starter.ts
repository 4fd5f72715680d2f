import { z } from 'zod'
import { linkedSessions } from '../sessions/group.ts'
import { requireGroup, type Viewer } from '../sessions/viewer.ts'
import type { PrismaClient } from '../store/sql/generated/client.ts'

/** Who began a flow from within a session: the account, and the group that it is signed in in. */
export const starterSchema = z.object({ did: z.string(), groupId: z.string() })

export type Starter = z.output<typeof starterSchema>

/**
 * The viewer as the starter of a flow.
 * @throws GatewayError FORBIDDEN for a developer token
 */
export function starterOf(viewer: Viewer): Starter {
  return { did: viewer.session.did, groupId: requireGroup(viewer) }
}

/**
 * Whether the starter is still signed in. Signing out, or being signed out from elsewhere, ends the flows that were
 * begun before; an upgrade or a switch in another tab does not.
 */
export async function isStillSignedIn(
  db: Pick<PrismaClient, 'session'>,
  { did, groupId }: Starter,
  now: Date,
): Promise<boolean> {
  return (await db.session.count({ where: { AND: [linkedSessions(groupId, now), { did }] } })) > 0
}
