import { setTimeout as sleep } from 'node:timers/promises'
import { createBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { EphemeralStore } from '../../store/ephemeral/ephemeral-store.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { PrismaClient } from '../../store/sql/generated/client.ts'
import type { OAuthClients } from '../client.ts'
import type { PdsCalls } from '../pds/pds-calls.ts'
import { type AskAccountStatus, checkAccount, createAskAccountStatus } from './check-account.ts'
import { createGrantCopies } from './copies.ts'
import { createDueRevocations, type DueRevocations } from './due-revocations.ts'
import type { Grant, HeldGrant } from './grant.ts'
import type { GrantChange } from './grant-change.ts'
import { createIdleGrants, type IdleGrants } from './idle-grants.ts'
import { createOpenedGrants, type KnownGrant } from './opened.ts'
import { createRefresher, type Refresher } from './refresh.ts'
import { createRefreshRequest, type RefreshRequest } from './refresh-request.ts'
import { createRefreshSoon } from './refresh-soon.ts'
import { revokeGrant, revokeStoredGrant } from './revoke.ts'
import { createGrantRows, type GrantRows } from './rows.ts'
import { createUnstoredGrants } from './unstored.ts'
import { usableGrant } from './use.ts'

/** The OAuth grants of our sessions, one per session. Everything that uses a refresh token goes through here. */
export interface Grants {
  /** Writes a new grant, in the transaction that writes the session that it belongs to. */
  insert: GrantRows['insert']
  /**
   * Opens a grant, to call the account's PDS with it. Waits for a refresh only where the access token has ended.
   * @param known what the caller has just read of its row; if this process has that token set open, no store is asked
   * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
   */
  hold(id: string, known?: KnownGrant): Promise<HeldGrant>
  /**
   * What replaces a token set whose access token a resource server has refused; null when that one is less than a
   * minute old, since a resource server may refuse every one. That alone never gives a grant up.
   * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
   */
  replaceRefused(refused: HeldGrant): Promise<HeldGrant | null>
  /**
   * Refreshes a grant whose access token is due, in the background, and then checks that the account is still served.
   * Returns at once and never throws; of many calls within ten seconds the first one counts.
   */
  refreshSoon(id: string): void
  /**
   * Refreshes a grant that nobody uses, unless somebody else does.
   * @throws GrantLost, GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE
   */
  refreshIdle(id: string): Promise<void>
  /** Which grants nobody uses, and when they are to be refreshed. */
  readonly idle: IdleGrants
  /** Revokes a grant at its authorization server, then deletes it. Rejects when the server could not be asked. */
  revoke(id: string): Promise<void>
  /** Which grants of ended sessions are to be revoked, and when. */
  readonly due: DueRevocations
  /** How many refreshed token sets this process holds that are not stored yet. */
  countUnstored(): number
  /** Waits for refreshes that are under way and stores what they bring, in `withinMs` milliseconds at most. */
  close(withinMs: number): Promise<void>
}

/** What asks other servers. Tests put servers of their own here. */
export type GrantServers = {
  request: RefreshRequest
  askAccountStatus: AskAccountStatus
  revoke(grant: Grant): Promise<void>
}

type Parts = {
  db: PrismaClient
  /** Where copies of refreshed grants are kept. */
  ephemeral: Pick<EphemeralStore, 'get' | 'set' | 'delete'>
  sealer: Sealer
  clients: OAuthClients
  pds: PdsCalls
  clock: Clock
  logger: Logger
  onChange(change: GrantChange): void
  servers?: GrantServers
}

export function createGrants({ servers, ...parts }: Parts): Grants {
  const { sealer, logger, onChange } = parts
  const { request, askAccountStatus, revoke } = servers ?? askingServers(parts)
  const rows = createGrantRows(parts)
  const copies = createGrantCopies(parts)
  const giveBack = (held: HeldGrant) => revokeOrWarn(revoke, held, logger)
  const unstored = createUnstoredGrants({ rows, copies, sealer, logger, giveBack, onChange })
  const stores = { rows, copies, unstored, sealer, onChange }
  const background = createBackground()
  const onRefreshed = (held: HeldGrant) =>
    background.add(checkAccount({ askAccountStatus, rows, logger, onChange }, held))
  const refresher = createRefresher({ ...stores, request, background, logger, onRefreshed })
  const opened = createOpenedGrants()
  const refreshSoon = createRefreshSoon({ refresher, background, clock: parts.clock, logger })

  return {
    insert: rows.insert,
    async hold(id, known) {
      const held = unstored.find(id) === undefined ? opened.find(id, known) : undefined
      return held ?? opened.keep(await usableGrant({ ...stores, refresher, refreshSoon }, id))
    },
    replaceRefused: (refused) => replaceRefused(refresher, refused),
    refreshSoon,
    async refreshIdle(id) {
      await refresher.tryRefresh({ id })
    },
    idle: createIdleGrants(parts),
    revoke: (id) => revokeStoredGrant({ ...stores, revokeAtServer: revoke }, id),
    due: createDueRevocations(parts),
    countUnstored: unstored.count,
    async close(withinMs) {
      const deadline = performance.now() + withinMs
      const settled = Promise.all([refresher.settle(), background.settle()])
      await Promise.race([settled, sleep(withinMs, undefined, { ref: false })])
      await unstored.close(Math.max(Math.ceil(deadline - performance.now()), LEAST_FOR_STORING))
    },
  }
}

/** In milliseconds: what a refresh that is under way at the end leaves to the sets that are not stored yet. */
const LEAST_FOR_STORING = 1000

function askingServers({ clients, pds }: Pick<Parts, 'clients' | 'pds'>): GrantServers {
  return {
    request: createRefreshRequest(clients),
    askAccountStatus: createAskAccountStatus(pds),
    revoke: (grant) => revokeGrant(clients, grant),
  }
}

async function revokeOrWarn(revoke: GrantServers['revoke'], { id, grant }: HeldGrant, logger: Logger): Promise<void> {
  try {
    await revoke(grant)
  } catch (error) {
    logger.warn({ err: error, grantId: id }, 'refreshed grant of an ended session not revoked')
  }
}

async function replaceRefused(refresher: Refresher, { id, generation }: HeldGrant): Promise<HeldGrant | null> {
  const newer = await refresher.refresh({ id, refused: generation })
  return newer.generation === generation ? null : newer
}
