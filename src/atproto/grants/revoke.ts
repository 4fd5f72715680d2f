import { setTimeout as sleep } from 'node:timers/promises'
import { JoseKey } from '@atproto/oauth-client-node'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { OAuthClients } from '../client.ts'
import type { NewestParts } from './adopt.ts'
import type { Grant } from './grant.ts'
import type { Lease } from './leases.ts'
import { refreshUnavailable } from './refresh-unavailable.ts'
import type { GrantRow } from './rows.ts'
import { openGrant } from './sealed-grant.ts'

export type RevokeParts = Omit<NewestParts, 'onChange'> & {
  sealer: Sealer
  revokeAtServer(grant: Grant): Promise<void>
}

const LONGEST_WAIT = 10 * SECOND
const POLL = 250

/**
 * Revokes a stored grant at its authorization server, then deletes it. Rejects when the server could not be asked; the
 * grant is still stored then. Waits for a refresh that is under way, whose answer is what must be revoked.
 * @throws SealError, GrantUnreadable, OAuthResponseError, GatewayError SERVICE_UNAVAILABLE, and whatever the network
 * rejects with
 */
export async function revokeStoredGrant(parts: RevokeParts, id: string): Promise<void> {
  const lease = await leaseToRevoke(parts, id)
  if (lease === null) return
  try {
    const row = await parts.rows.find(id)
    if (row !== null) await parts.revokeAtServer(await newestGrant(parts, row))
    await parts.rows.delete(id)
  } catch (error) {
    // If that fails too, the lease ends within a minute, and housekeeping tries again.
    await parts.rows.release(lease).catch(() => undefined)
    throw error
  }
  // It expires by itself within a day.
  await parts.copies.delete(id).catch(() => undefined)
}

/** Null when the grant is gone. */
async function leaseToRevoke({ rows }: RevokeParts, id: string): Promise<Lease | null> {
  const deadline = performance.now() + LONGEST_WAIT
  do {
    const lease = await rows.leaseToRevoke(id)
    if (lease !== null) return lease
    if ((await rows.find(id)) === null) return null
    await sleep(POLL)
  } while (performance.now() < deadline)
  throw refreshUnavailable('the grant is being refreshed')
}

/** The token set that the server honours, wherever it is. */
async function newestGrant({ sealer, unstored, copies }: RevokeParts, row: GrantRow): Promise<Grant> {
  const others = [unstored.find(row.id), await copies.find(row).catch(() => null)]
  const newer = others.filter((held) => held != null && held.generation > row.generation)
  return newer[0]?.grant ?? openGrant(sealer, row)
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
