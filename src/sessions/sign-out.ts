import { type AuditKind, audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Prisma } from '../store/sql/generated/client.ts'
import type { AccountSession, Client } from './client.ts'
import type { SessionRows } from './rows.ts'
import { makeActive, requireReached } from './switch.ts'
import { type Caller, unauthenticated, type Viewer } from './viewer.ts'
import { requireStillSignedIn, withClientChanges } from './with-client-changes.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/**
 * Ends every session of the client's group, or the one session of a developer token.
 * @throws GatewayError UNAUTHENTICATED
 */
export async function logout(
  gateway: ChangeParts,
  { caller, from }: { caller: Caller; from: ClientInfo },
): Promise<void> {
  if (caller.client !== null) {
    await endGroup(gateway, { client: caller.client, from, kind: 'signed_out' })
    return
  }
  const { id } = caller.session
  await withSessionChanges(gateway, {}, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    const ended = await endAudited(rows, { where: { id }, now, from, kind: 'signed_out' })
    if (ended === 0) throw unauthenticated(null)
  })
}

/**
 * Ends every session of the client's group.
 * @returns how many accounts were signed out
 * @throws GatewayError UNAUTHENTICATED
 */
export async function logoutAll(
  gateway: ChangeParts,
  { client, from }: { client: Client; from: ClientInfo },
): Promise<number> {
  return endGroup(gateway, { client, from, kind: 'signed_out_everywhere' })
}

/**
 * Ends the session that the client acts as, if it has not ended already; the client goes on as another account of its
 * group, with the same token.
 * @returns the session to go on with
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, ACCOUNT_CHANGED, UNAUTHENTICATED; nothing has ended then
 */
export async function logoutTo(
  gateway: ChangeParts,
  request: { client: Client; viewer: Viewer | null; switchTo: string; from: ClientInfo },
): Promise<AccountSession> {
  const { viewer, switchTo, from } = request
  if (switchTo === viewer?.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are signing out of. Name another one.')
  }
  return withClientChanges(gateway, request, async (change) => {
    const { rows, client, now } = change
    requireReached(client, switchTo)
    if (viewer !== null) {
      const { id } = requireStillSignedIn(client, viewer)
      await endAudited(rows, { where: { id }, now, from, kind: 'signed_out' })
    }
    return makeActive(change, { targetDid: switchTo, from })
  })
}

async function endGroup(
  gateway: ChangeParts,
  { client, from, kind }: { client: Client; from: ClientInfo; kind: AuditKind },
): Promise<number> {
  return withClientChanges(gateway, { client }, async ({ rows, now }) =>
    endAudited(rows, { where: { groupId: client.group.id }, now, from, kind }),
  )
}

/** @returns how many accounts the ended sessions had */
async function endAudited(
  rows: SessionRows,
  { where, now, from, kind }: { where: Prisma.SessionWhereInput; now: Date; from: ClientInfo; kind: AuditKind },
): Promise<number> {
  const ended = await rows.end(where)
  for (const { id, did } of ended) await audit(rows.tx, { now, client: from, kind, did, sessionId: id })
  return new Set(ended.map(({ did }) => did)).size
}
