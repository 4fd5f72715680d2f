import { z } from 'zod'
import type { PrismaClient } from '../store/sql/generated/client.ts'

/**
 * Who began a flow from within a session group. `did`: the account that the flow is for and that has to be signed in
 * there until its end; null where any account of the group may have begun it.
 */
export const starterSchema = z.object({ groupId: z.string(), did: z.string().nullable() })

export type Starter = z.output<typeof starterSchema>

/**
 * Whether the starter is still signed in. Signing out, or being signed out from elsewhere, ends the flows that were
 * begun before; an upgrade or a switch in another tab does not.
 */
export async function isStillSignedIn(
  db: Pick<PrismaClient, 'session'>,
  { did, groupId }: Starter,
  now: Date,
): Promise<boolean> {
  const where = { groupId, expiresAt: { gt: now }, ...(did !== null && { did }) }
  return (await db.session.count({ where })) > 0
}
