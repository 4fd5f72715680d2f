import { JoseKey } from '@atproto/oauth-client-node'
import type { Logger } from '../../platform/logger.ts'
import type { OAuthClients } from '../client.ts'
import type { Grant } from './grant.ts'
import { withGrantLock } from './lock.ts'
import type { GrantParts } from './use.ts'

/**
 * Revokes a stored grant at its authorization server, then deletes it. Rejects when the server could not be asked; the
 * grant is still stored then.
 * @throws SealError, GrantUnreadable, OAuthResponseError, and whatever the network rejects with
 */
export async function revokeStoredGrant({ rows, locks, clients }: GrantParts, id: string): Promise<void> {
  await withGrantLock(locks, id, async () => {
    const row = await rows.find(id)
    if (row === null) return
    await revokeGrant(clients, await rows.open(row))
    await rows.delete(id)
  })
}

/**
 * Asks the authorization server to revoke a grant (RFC 7009).
 * Not by the library's `revoke`, which hides whether the server was reached.
 */
export async function revokeGrant(clients: OAuthClients, grant: Grant): Promise<void> {
  const { tokenSet, authMethod, dpopJwk } = grant
  const server = await clients
    .withStores({})
    .serverFactory.fromIssuer(tokenSet.iss, authMethod, await JoseKey.fromJWK(dpopJwk))
  await server.request('revocation', { token: tokenSet.refresh_token ?? tokenSet.access_token })
}

type GivingBack = { atproto: { clients: OAuthClients }; runtime: { logger: Pick<Logger, 'warn'> } }

/** Revokes a grant that no session will use. When that fails, only the log can tell. Never rejects. */
export async function giveGrantBack({ atproto, runtime }: GivingBack, grant: Grant): Promise<void> {
  try {
    await revokeGrant(atproto.clients, grant)
  } catch (error) {
    runtime.logger.warn({ err: error, did: grant.tokenSet.sub }, 'grant of a refused flow not revoked')
  }
}
