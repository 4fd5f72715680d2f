import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import type { SessionRows } from '../sessions/rows.ts'
import type { SessionToken } from '../sessions/token.ts'
import type { Session } from '../store/sql/generated/client.ts'
import type { ClientBinding } from './client-binding.ts'

/** The awaiting session is gone, or what it was to join is. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted'
}

/** An awaiting session at its exchange, locked, with the groups that it may concern. */
export type Admission = {
  rows: SessionRows
  session: Session
  binding: ClientBinding
  /** The session whose cookie the browser presents, if any. */
  presented: Pick<Session, 'id' | 'groupId'> | null
  client: ClientInfo
  now: Date
}

/**
 * Signing in begins a new group. The group whose cookie this browser loses ends, since no client could reach it any
 * more.
 */
export async function admitToNewGroup(admission: Admission): Promise<SessionToken> {
  const { rows, session, presented, now } = admission
  const replacedGroup = presented?.groupId ?? null
  const ended = replacedGroup === null ? [] : await rows.end({ groupId: replacedGroup })
  for (const replaced of ended) await auditAdmission(admission, 'session_replaced', replaced)
  const groupId = await rows.insertGroup(now)
  await auditAdmission(admission, 'session_created', session)
  return rows.activate(await rows.join(session, { groupId, linkedAt: now, now }), now)
}

/** @throws NotAdmitted when the group has ended */
export function requireExistingGroup({ rows }: Admission, groupId: string): void {
  if (!rows.hasGroup(groupId)) throw new NotAdmitted('the session group has ended')
}

/** Writes an audit event of the admission: about the admitted session, or about one that it replaces. */
export async function auditAdmission(
  { rows, now, client, session }: Admission,
  kind: AuditKind,
  { id, did }: Pick<Session, 'id' | 'did'>,
): Promise<void> {
  const detail = id === session.id ? {} : { detail: { by: session.id } }
  await audit(rows.tx, { now, client, kind, did, sessionId: id, ...detail })
}
