import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import { type AccountSession, type Client, reachedAccount } from './client.ts'
import { type ClientChange, withClientChanges } from './with-client-changes.ts'
import type { ChangeParts } from './with-session-changes.ts'

/**
 * Makes another account that the client's token reaches the active one. The token stays the same, so that a lost answer
 * loses nothing. Switching to the active account succeeds and changes nothing.
 * @returns the session of the account
 * @throws GatewayError ACCOUNT_NOT_LINKED, UNAUTHENTICATED
 */
export async function switchAccount(
  gateway: ChangeParts,
  request: { client: Client; targetDid: string; from: ClientInfo },
): Promise<AccountSession> {
  return withClientChanges(gateway, request, (change) => makeActive(change, request))
}

/** Makes an account the active one, in a change that is under way. */
export async function makeActive(
  { rows, client, now }: ClientChange,
  { targetDid, from }: { targetDid: string; from: ClientInfo },
): Promise<AccountSession> {
  const target = requireReached(client, targetDid)
  const { id: groupId, activeDid } = client.group
  if (activeDid === targetDid) return target
  await rows.activate(groupId, targetDid)
  await audit(rows.tx, { now, client: from, kind: 'account_switched', did: targetDid, sessionId: target.id })
  rows.announcements.push({ groupId, kind: 'ACCOUNT_SWITCHED' })
  return target
}

/** @throws GatewayError ACCOUNT_NOT_LINKED */
export function requireReached(client: Client, did: string): AccountSession {
  const session = reachedAccount(client, did)
  if (session !== undefined) return session
  throw new GatewayError('ACCOUNT_NOT_LINKED', 'That account is not signed in here. Add it first.')
}
