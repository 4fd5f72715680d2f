import type { Clock } from '../platform/clock.ts'
import { newId } from '../platform/random.ts'
import type { Prisma } from '../store/sql/generated/client.ts'

/** From where a request came. */
export type ClientInfo = { ip: string | null; userAgent: string | null }

/** What happened, in the words of the design. */
export type AuditKind =
  | 'session_created'
  | 'session_replaced'
  | 'account_added'
  | 'account_switched'
  | 'scope_upgraded'
  | 'developer_token_created'
  | 'developer_token_revoked'
  | 'session_revoked'
  | 'signed_out'
  | 'signed_out_everywhere'
  | 'exchange_refused'

export type AuditEntry = { kind: AuditKind; did: string; sessionId: string; detail?: Prisma.InputJsonObject }

/** Writes an audit event, in the transaction of what it tells of. */
export async function audit(
  tx: Prisma.TransactionClient,
  { clock, client, ...entry }: AuditEntry & { clock: Clock; client: ClientInfo },
): Promise<void> {
  await tx.auditEvent.create({ data: { id: newId(), at: new Date(clock()), ...entry, ...client } })
}
