import { type AccountSession, type Client, findClient, reachedAccount } from './client.ts'
import type { SessionRows } from './rows.ts'
import { accountChanged, unauthenticated, type Viewer } from './viewer.ts'
import { type ChangeParts, withSessionChanges } from './with-session-changes.ts'

/** A change under way: the writer, and the client as it stands under the lock of its group. */
export type ClientChange = { rows: SessionRows; client: Client; now: Date }

/**
 * Runs a transaction in which a client changes sessions. The client is read again under the lock of its group, so that
 * the change is judged by what is true then.
 * @param options `groups`: other groups that the work is about
 * @throws GatewayError UNAUTHENTICATED when the client's token has ended meanwhile
 */
export async function withClientChanges<T>(
  gateway: ChangeParts,
  { client, groups = [] }: { client: Client; groups?: readonly string[] },
  work: (change: ClientChange) => Promise<T>,
): Promise<T> {
  return withSessionChanges(gateway, { groups: [client.group.id, ...groups] }, async (rows) => {
    const now = new Date(gateway.runtime.clock())
    const current = await findClient(rows.tx, client.token.id, now)
    if (current === null) throw unauthenticated(null)
    return work({ rows, client: current, now })
  })
}

/**
 * The session that the viewer's account has now: the one that it had, or one with more scopes in its place.
 * @throws GatewayError ACCOUNT_CHANGED or UNAUTHENTICATED when the account was signed out meanwhile
 */
export function requireStillSignedIn(client: Client, { session, isNamed }: Viewer): AccountSession {
  const current = reachedAccount(client, session.did)
  if (current !== undefined) return current
  throw isNamed ? accountChanged() : unauthenticated({ client, session: null })
}
