import { audit, type ClientInfo } from '../audit/audit.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Client } from './client.ts'
import { requireReached } from './switch.ts'
import type { Viewer } from './viewer.ts'
import { requireStillSignedIn, withClientChanges } from './with-client-changes.ts'
import type { ChangeParts } from './with-session-changes.ts'

/**
 * Signs another account that the client's token reaches out. The viewer's own session goes on as it was.
 * @throws GatewayError ALREADY_ACTIVE, ACCOUNT_NOT_LINKED, ACCOUNT_CHANGED, UNAUTHENTICATED
 */
export async function unlinkAccount(
  gateway: ChangeParts,
  { viewer, did, ...request }: { client: Client; viewer: Viewer; did: string; from: ClientInfo },
): Promise<void> {
  if (did === viewer.session.did) {
    throw new GatewayError('ALREADY_ACTIVE', 'That is the account that you are using. Call logout to sign out of it.')
  }
  await withClientChanges(gateway, request, async ({ rows, client, now }) => {
    const { id: by } = requireStillSignedIn(client, viewer)
    const { id } = requireReached(client, did)
    await rows.end({ id })
    await audit(rows.tx, { now, client: request.from, kind: 'signed_out', did, sessionId: id, detail: { by } })
  })
}
