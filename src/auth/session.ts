import { GatewayError } from '../errors.ts'
import type { Prisma } from '../store/generated/client.ts'
import { audit, type ClientInfo } from './audit.ts'
import type { Viewer } from './authenticate.ts'
import type { Gateway } from './gateway.ts'

/** A session that was ended, and the credential that is now to be revoked. */
export type EndedSession = { id: string; did: string; credentialId: string }

/** What a transaction ended, and what else came of it. */
export type Ending<T> = { ended: EndedSession[]; result: T }

/** Runs a transaction that ends sessions and, once it is committed, has their grants revoked. */
export async function endingSessions<T>(
  { db, revocation }: Pick<Gateway, 'db' | 'revocation'>,
  work: (tx: Prisma.TransactionClient) => Promise<Ending<T>>,
): Promise<Ending<T>> {
  const ending = await db.$transaction(work)
  for (const { credentialId } of ending.ended) revocation.revokeSoon(credentialId)
  return ending
}

/**
 * Ends sessions, and the groups that lose their last one. To be called within `endingSessions`.
 * @param keepGroup another session is about to take the place
 */
export async function endSessions(
  tx: Prisma.TransactionClient,
  where: Prisma.SessionWhereInput,
  { keepGroup = false } = {},
): Promise<EndedSession[]> {
  const ending = await tx.session.findMany({
    where,
    select: { id: true, did: true, credentialId: true, groupId: true },
  })
  if (ending.length === 0) return []
  await tx.session.deleteMany({ where: { id: { in: ending.map((session) => session.id) } } })
  if (keepGroup) return ending
  const groupIds = ending.flatMap((session) => session.groupId ?? [])
  await tx.sessionGroup.deleteMany({ where: { id: { in: groupIds }, sessions: { none: {} } } })
  return ending
}

/** The sessions in which an account is signed in: exchanged and not expired. Developer tokens are not among them. */
export function signedInSessions(did: string, now: Date): Prisma.SessionWhereInput {
  return { did, kind: { in: ['BROWSER', 'SDK'] }, secretHash: { not: null }, expiresAt: { gt: now } }
}

/**
 * Signs one of the account's other sessions out.
 * @throws GatewayError SESSION_NOT_FOUND, BAD_USER_INPUT when it is the caller's own
 */
export async function revokeSession(
  gateway: Pick<Gateway, 'db' | 'clock' | 'revocation'>,
  { viewer, id, client }: { viewer: Viewer; id: string; client: ClientInfo },
): Promise<void> {
  const { clock } = gateway
  const { did } = viewer.session
  if (id === viewer.session.id) {
    throw new GatewayError('BAD_USER_INPUT', 'This is the session that you are using. Call logout to end it.')
  }
  await endingSessions(gateway, async (tx) => {
    const ended = await endSessions(tx, { AND: [{ id }, signedInSessions(did, new Date(clock()))] })
    if (ended.length === 0) {
      throw new GatewayError('SESSION_NOT_FOUND', 'This account has no such session. It may have ended already.')
    }
    await audit(tx, { clock, client, kind: 'session_revoked', did, sessionId: id, detail: { by: viewer.session.id } })
    return { ended, result: undefined }
  })
}
