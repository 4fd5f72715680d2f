import type { NodeOAuthClient, OAuthSession } from '@atproto/oauth-client-node'
import type { OAuthClients } from '../client.ts'
import { type GrantLocks, withGrantLock } from './lock.ts'
import { GrantLost, type GrantRow, type GrantRows } from './rows.ts'

export type GrantParts = { rows: GrantRows; locks: GrantLocks; clients: OAuthClients }

/**
 * Opens a grant as a session that calls the account's PDS.
 * @param refresh 'auto' refreshes when the access token is about to expire, true in any case
 * @throws GrantLost
 */
export async function useGrant(
  { rows, locks, clients }: GrantParts,
  id: string,
  refresh: 'auto' | true,
): Promise<OAuthSession> {
  const row = await rows.require(id)
  let lost = false
  const client = clients.withStores({
    sessionStore: {
      // Read again under the lock: the holder before may have refreshed.
      get: async () => {
        const current = await rows.find(id)
        return current === null || current.state === 'lost' ? undefined : rows.open(current)
      },
      set: (_did, grant) => rows.storeRefreshed(row, grant),
      del: () => undefined,
    },
    requestLock: (_name, work) => withGrantLock(locks, id, async () => work()),
    onSessionDeleted: async (_did, reason) => {
      // The library gives up on any TypeError too, and a broken network is one: not a reason to drop a grant.
      if (reason instanceof TypeError && !(await hasMoved(client, row))) return
      lost = true
      await rows.markLost(id)
    },
  })
  try {
    return await client.restore(row.did, refresh)
  } catch (error) {
    throw lost ? new GrantLost(`grant ${id}`, { cause: error }) : error
  }
}

/** Whether another server is now the authority over the account: then this one's grant is worth nothing any more. */
async function hasMoved(client: NodeOAuthClient, { did, issuer }: Pick<GrantRow, 'did' | 'issuer'>): Promise<boolean> {
  try {
    const { metadata } = await client.oauthResolver.resolveFromIdentity(did, { noCache: true })
    return metadata.issuer !== issuer
  } catch {
    return false
  }
}
