import { GatewayError } from '../platform/errors.ts'
import type { Prisma, PrismaClient } from '../store/sql/generated/client.ts'

/** Who makes a request: an exchanged, unexpired session with its account and its grant. */
export type Viewer = {
  session: ViewerSession
  /** Whether the session came as a cookie, or as a bearer token that the client holds itself. */
  via: 'cookie' | 'bearer'
  /**
   * Another tab of the same client has just replaced the secret of this session. The viewer may read, but change
   * nothing.
   */
  isReplaced: boolean
}

export type ViewerSession = Prisma.SessionGetPayload<{ include: typeof viewerIncludes }>

/** What is read with a session, in the same query. */
export const viewerIncludes = {
  account: true,
  grant: { select: { scope: true, state: true, expiresAt: true, updatedAt: true } },
} satisfies Prisma.SessionInclude

/** A session with what a viewer needs, or null. */
export function findSession(db: Pick<PrismaClient, 'session'>, id: string): Promise<ViewerSession | null> {
  return db.session.findUnique({ where: { id }, include: viewerIncludes, relationLoadStrategy: 'join' })
}

/**
 * The session group that a viewer's session is in.
 * @throws GatewayError FORBIDDEN for a developer token: it is in no group, and must not create sessions that outlive it
 */
export function requireGroup({ session }: Viewer): string {
  if (session.groupId !== null) return session.groupId
  throw new GatewayError('FORBIDDEN', 'A developer token cannot do this. Sign in with a browser or an SDK session.')
}
