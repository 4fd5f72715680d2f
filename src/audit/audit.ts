import { newId } from '../platform/random.ts'
import type { Prisma, PrismaClient } from '../store/sql/generated/client.ts'

/** Where a request came from. */
export type ClientInfo = { ip: string | null; userAgent: string | null }

/** What happened. */
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

/** Writes an audit event, in the transaction of the change that it records. */
export async function audit(
  tx: Prisma.TransactionClient,
  { now, client, ...entry }: AuditEntry & { now: Date; client: ClientInfo },
): Promise<void> {
  await tx.auditEvent.create({ data: { id: newId(), at: now, ...entry, ...client } })
}

/** Writes that an account was forgotten, and nothing by which anybody could find out which. */
export async function auditForgotten(tx: Prisma.TransactionClient, now: Date): Promise<void> {
  await tx.auditEvent.create({ data: { id: newId(), at: now, kind: 'account_forgotten' } })
}

/**
 * Deletes audit events of an account, at most `take`.
 * @returns how many; fewer than `take` when no more are
 */
export async function deleteAuditEventsOf(
  db: Pick<PrismaClient, '$executeRaw'>,
  { did, take }: { did: string; take: number },
): Promise<number> {
  return db.$executeRaw`
    DELETE FROM "AuditEvent"
     WHERE "id" IN (SELECT "id" FROM "AuditEvent" WHERE "did" = ${did} LIMIT ${take}::int)`
}

/**
 * Deletes audit events from before `before`, at most `take`.
 * @returns how many; fewer than `take` when no more are, or others are deleting them
 */
export async function deleteAuditEvents(
  db: Pick<PrismaClient, '$executeRaw'>,
  { before, take }: { before: Date; take: number },
): Promise<number> {
  return db.$executeRaw`
    DELETE FROM "AuditEvent"
     WHERE "id" IN (SELECT "id" FROM "AuditEvent" WHERE "at" <= ${before}::timestamptz
                     ORDER BY "at" LIMIT ${take}::int FOR UPDATE SKIP LOCKED)`
}
