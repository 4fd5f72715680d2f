import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import { type Client, reachedAccount } from '../sessions/client.ts'
import { boundUnusedTokens } from '../sessions/end-tokens.ts'
import { isReplaced } from '../sessions/lifetime.ts'
import type { SessionRows } from '../sessions/rows.ts'
import type { ClientToken, Session } from '../store/sql/generated/client.ts'
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
  /** The client whose token the request shows, as it stands under the lock of its group. */
  shown: Client | null
  /** Where the request came from. */
  from: ClientInfo
  now: Date
}

/** What an exchange gives to the client. */
export type Admitted = {
  sessionId: string
  /** The text of the token that was minted; null where the client's own goes on. */
  token: string | null
  /** Whether the client acts as this session once its token was used. */
  isActive: boolean
}

/**
 * Signing in. An account that is signed in in this browser already takes the place of its session there, beside the
 * others; any other begins a new group. What is replaced ends when the new token is used for the first time.
 */
export async function admitSignIn(admission: Admission): Promise<Admitted> {
  const { rows, session, now } = admission
  // Only a browser loses the token that it shows, to the cookie that it gets.
  const shown = session.kind === 'BROWSER' && admission.shown?.token.kind === 'BROWSER' ? admission.shown : null
  if (shown !== null && !isReplaced(shown.token) && reachedAccount(shown, session.did) !== undefined) {
    return admitAgain(admission, shown)
  }
  await auditAdmission(admission, 'session_created')
  const groupId = await rows.insertGroup(session.did, now)
  const joined = await rows.join(session, { groupId, linkedAt: now, now })
  const token = await mint(admission, joined, { replacesGroupId: shown?.group.id ?? null, activatesDid: null })
  return { sessionId: session.id, token, isActive: true }
}

/** Signing in again changes who is active only where nobody is. */
async function admitAgain(admission: Admission, here: Client): Promise<Admitted> {
  const { rows, session, now } = admission
  const { id: groupId, activeDid } = here.group
  const linkedAt = reachedAccount(here, session.did)?.linkedAt ?? now
  await auditAdmission(admission, 'session_created')
  const joined = await rows.join(session, { groupId, linkedAt, now })
  const activatesDid = reachedAccount(here, activeDid) === undefined ? session.did : null
  const token = await mint(admission, joined, { replacesGroupId: null, activatesDid })
  return { sessionId: session.id, token, isActive: (activatesDid ?? activeDid) === session.did }
}

/** Mints the token of the client that exchanges a session, in the session's group. */
export async function mint(
  { rows, now }: Admission,
  joined: Session,
  uses: Pick<ClientToken, 'replacesGroupId' | 'activatesDid'>,
): Promise<string> {
  const token = await rows.tokens.mint(joined, { ...uses, now })
  if (joined.groupId !== null) await boundUnusedTokens(rows, joined.groupId, now)
  return token
}

/** @throws NotAdmitted when the group has ended */
export function requireExistingGroup({ rows }: Admission, groupId: string): void {
  if (!rows.hasGroup(groupId)) throw new NotAdmitted('the session group has ended')
}

/** Writes an audit event about the admitted session. */
export async function auditAdmission(
  { rows, now, from, session: { id, did } }: Admission,
  kind: AuditKind,
): Promise<void> {
  await audit(rows.tx, { now, client: from, kind, did, sessionId: id })
}
