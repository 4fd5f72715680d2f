import { audit, type ClientInfo } from '../audit/audit.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'
import { announce, type SessionChange } from './changes.ts'
import type { Viewer } from './viewer.ts'

/** A session that was ended, and the credential that is now to be revoked. */
export type EndedSession = Pick<Session, 'id' | 'did' | 'credentialId' | 'groupId' | 'isActive'>

/** What a transaction did to sessions, and what else came of it. */
export type Changed<T> = {
  ended: EndedSession[]
  /** What the clients of the group are told. Where it is left out: what follows from the sessions that ended. */
  change?: SessionChange
  result: T
}

export type ChangingParts = Pick<Gateway, 'db' | 'revocation' | 'ephemeral' | 'logger'>

/** Runs a transaction that changes sessions and, once it is committed, has the grants of ended ones revoked and clients told. */
export async function changingSessions<T>(
  gateway: ChangingParts,
  work: (tx: Prisma.TransactionClient) => Promise<Changed<T>>,
): Promise<Changed<T>> {
  const changed = await gateway.db.$transaction(work)
  const { ended, change } = changed
  for (const { credentialId } of ended) gateway.revocation.revokeSoon(credentialId)
  for (const each of change === undefined ? changesOf(ended) : [change]) announce(gateway, each)
  return changed
}

/** A group without its active session is signed out: its client has no token left to switch with. */
function changesOf(ended: readonly EndedSession[]): SessionChange[] {
  const kinds = new Map<string, SessionChange['kind']>()
  for (const { groupId, isActive } of ended) {
    if (groupId === null) continue
    if (isActive || !kinds.has(groupId)) kinds.set(groupId, isActive ? 'SIGNED_OUT' : 'ACCOUNT_REMOVED')
  }
  return [...kinds].map(([groupId, kind]) => ({ groupId, kind }))
}

/**
 * Ends sessions, and the groups that lose their last one. To be called within `changingSessions`.
 * @param keepGroup another session is about to take the place
 */
export async function endSessions(
  tx: Prisma.TransactionClient,
  where: Prisma.SessionWhereInput,
  { keepGroup = false } = {},
): Promise<EndedSession[]> {
  const ending = await tx.session.findMany({
    where,
    select: { id: true, did: true, credentialId: true, groupId: true, isActive: true },
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
  gateway: ChangingParts & Pick<Gateway, 'clock'>,
  { viewer, id, client }: { viewer: Viewer; id: string; client: ClientInfo },
): Promise<void> {
  const { clock } = gateway
  const { did } = viewer.session
  if (id === viewer.session.id) {
    throw new GatewayError('BAD_USER_INPUT', 'This is the session that you are using. Call logout to end it.')
  }
  await changingSessions(gateway, async (tx) => {
    const ended = await endSessions(tx, { AND: [{ id }, signedInSessions(did, new Date(clock()))] })
    if (ended.length === 0) {
      throw new GatewayError('SESSION_NOT_FOUND', 'This account has no such session. It may have ended already.')
    }
    await audit(tx, { clock, client, kind: 'session_revoked', did, sessionId: id, detail: { by: viewer.session.id } })
    return { ended, result: undefined }
  })
}
