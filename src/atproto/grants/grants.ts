import type { OAuthSession } from '@atproto/oauth-client-node'
import type { Clock } from '../../platform/clock.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { Prisma, PrismaClient } from '../../store/sql/generated/client.ts'
import type { OAuthClients } from '../client.ts'
import type { Grant } from './grant.ts'
import type { GrantLocks } from './lock.ts'
import { refreshGrant } from './refresh.ts'
import { revokeStoredGrant } from './revoke.ts'
import { createGrantRows, type GrantRow } from './rows.ts'
import { useGrant } from './use.ts'

/** The OAuth grants of our sessions, one per session. Everything that uses a refresh token goes through here. */
export interface Grants {
  /** Writes a new grant, in the transaction that writes the session that it belongs to. */
  insert(tx: Prisma.TransactionClient, id: string, grant: Grant): Promise<GrantRow>
  /**
   * Opens a grant as a session that calls the account's PDS, refreshed first when its access token is about to expire.
   * @throws GrantLost
   */
  use(id: string): Promise<OAuthSession>
  /**
   * Refreshes a grant, unless it was refreshed within the last minute, and checks that the account is still served.
   * @throws GrantLost
   */
  refresh(id: string): Promise<void>
  /** Revokes a grant at its authorization server, then deletes it. Rejects when the server could not be asked. */
  revoke(id: string): Promise<void>
  /**
   * Deletes the grants of ended sessions that no server honours any more, and returns the ids of those still to be
   * revoked.
   * @param limit how many ids at most
   */
  findUnrevoked(limit: number): Promise<string[]>
}

type Parts = {
  db: Pick<PrismaClient, 'grant'>
  sealer: Sealer
  locks: GrantLocks
  clients: OAuthClients
  clock: Clock
}

export function createGrants({ db, sealer, locks, clients, clock }: Parts): Grants {
  const rows = createGrantRows({ db, sealer, clients, clock })
  const parts = { rows, locks, clients, clock }
  return {
    insert: (tx, id, grant) => rows.insert(tx, id, grant),
    use: (id) => useGrant(parts, id, 'auto'),
    refresh: (id) => refreshGrant(parts, id),
    revoke: (id) => revokeStoredGrant(parts, id),
    async findUnrevoked(limit) {
      await rows.deleteExpired()
      return rows.findUnrevoked(limit)
    },
  }
}
