import { JoseKey, type NodeOAuthClient, type NodeSavedSession, type OAuthSession } from '@atproto/oauth-client-node'
import { z } from 'zod'
import { type Clock, DAY, MINUTE, SECOND } from '../../platform/clock.ts'
import type { EphemeralStore } from '../../store/ephemeral/ephemeral-store.ts'
import type { Sealer } from '../../store/sealing/sealer.ts'
import type { Credential, PrismaClient } from '../../store/sql/generated/client.ts'
import type { Grant } from '../authorization.ts'
import type { OAuthClients } from '../client.ts'

/** The OAuth grant of a session is gone: the account has to sign in again. */
export class GrantLost extends Error {
  override readonly name = 'GrantLost'
}

/** The stored OAuth grants, one per session, sealed. Nobody else opens them. */
export interface Credentials {
  /** The row for a new grant. Written by the caller, in one transaction with the session that it belongs to. */
  rowOf(id: string, grant: Grant): Promise<Credential>
  /**
   * The grant as a session that calls the account's PDS, refreshed first when its access token is about to expire.
   * @throws GrantLost
   */
  restore(id: string): Promise<OAuthSession>
  /**
   * Refreshes the grant now, unless it was refreshed within the last minute, and sees whether the account is still served.
   * @throws GrantLost
   */
  refresh(id: string): Promise<void>
  /**
   * Revokes the grant at its authorization server (RFC 7009) and then deletes the credential.
   * Rejects when the server could not be asked; the credential is then still there.
   */
  revoke(id: string): Promise<void>
}

type Dependencies = {
  db: Pick<PrismaClient, 'credential'>
  sealer: Sealer
  locks: Pick<EphemeralStore, 'withLock'>
  clients: OAuthClients
  clock: Clock
}

/** How long an authorization server honours refresh tokens: atproto OAuth, "Tokens and Session Lifetime". */
const REFRESH_LIFETIME = { public: 14 * DAY, confidential: 180 * DAY }

// A holder that died blocks its credential no longer than this; the library gives a refresh 30 s.
const LOCK = { ttlMs: 45 * SECOND, waitMs: 35 * SECOND }

export function createCredentials({ db, sealer, locks, clients, clock }: Dependencies): Credentials {
  const lifetime = clients.isConfidential ? REFRESH_LIFETIME.confidential : REFRESH_LIFETIME.public

  /** Bound to the row and the account: a sealed grant moved to another row does not open. */
  const purposeOf = (row: { id: string; did: string }) => `credential:${row.id}:${row.did}`
  const open = async (row: Credential) => (await sealer.open(row.sealed, purposeOf(row))) as NodeSavedSession
  // A refresh token used twice kills its grant, so everything that uses one goes one at a time, on all replicas.
  const exclusively = <T>(id: string, work: () => Promise<T>) => locks.withLock(`credential:${id}`, LOCK, work)

  async function storeRefreshed(id: string, did: string, grant: Grant): Promise<void> {
    await db.credential.update({
      where: { id },
      data: {
        sealed: await sealer.seal(grant, purposeOf({ id, did })),
        scope: grant.tokenSet.scope,
        updatedAt: new Date(clock()),
        // A public client's grant ends a fixed time after sign-in however often it is refreshed.
        ...(clients.isConfidential ? { expiresAt: new Date(clock() + lifetime) } : {}),
      },
    })
  }

  async function find(id: string): Promise<Credential> {
    const row = await db.credential.findUnique({ where: { id } })
    if (row === null || row.state === 'revoked') throw new GrantLost(`credential ${id}`)
    return row
  }

  async function use(id: string, refresh: 'auto' | true): Promise<OAuthSession> {
    const { did, issuer } = await find(id)
    let lost = false
    const client = clients.over({
      sessionStore: {
        // Read anew under the lock: whoever held it before may have refreshed.
        get: async () => {
          const current = await db.credential.findUnique({ where: { id } })
          return current === null || current.state === 'revoked' ? undefined : open(current)
        },
        set: (_did, grant) => storeRefreshed(id, did, grant),
        del: () => undefined,
      },
      requestLock: (_name, work) => exclusively(id, async () => work()),
      onSessionDeleted: async (_did, reason) => {
        // The library gives up on any TypeError too, and a broken network is one: not a reason to drop a grant.
        if (reason instanceof TypeError && !(await hasMoved(client, { did, issuer }))) return
        lost = true
        await markLost(id)
      },
    })
    try {
      return await client.restore(did, refresh)
    } catch (error) {
      throw lost ? new GrantLost(`credential ${id}`, { cause: error }) : error
    }
  }

  async function markLost(id: string): Promise<void> {
    await db.credential.updateMany({ where: { id }, data: { state: 'revoked', updatedAt: new Date(clock()) } })
  }

  return {
    async rowOf(id, grant) {
      const { sub: did, iss: issuer, scope } = grant.tokenSet
      const now = clock()
      return {
        id,
        did,
        issuer,
        scope,
        sealed: await sealer.seal(grant, purposeOf({ id, did })),
        expiresAt: new Date(now + lifetime),
        state: 'ok',
        updatedAt: new Date(now),
      }
    },

    restore: (id) => use(id, 'auto'),

    async refresh(id) {
      const row = await find(id)
      if (clock() - row.updatedAt.getTime() < MINUTE) return
      const session = await use(id, true)
      if (await isDeactivated(session)) {
        await markLost(id)
        throw new GrantLost(`the account of credential ${id} is deactivated`)
      }
    },

    async revoke(id) {
      await exclusively(id, async () => {
        const row = await db.credential.findUnique({ where: { id } })
        if (row === null) return
        await revokeGrant(clients, await open(row))
        await db.credential.deleteMany({ where: { id } })
      })
    },
  }
}

/** A PDS goes on refreshing the grants of an account that is deactivated, suspended or taken down, but serves it nothing. */
async function isDeactivated(session: OAuthSession): Promise<boolean> {
  const response = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
  return response.ok && sessionAnswer.parse(await response.json()).active === false
}

const sessionAnswer = z.object({ active: z.boolean().optional() })

/** Whether another server is now the authority over the account: then this one's grant is worth nothing any more. */
async function hasMoved(client: NodeOAuthClient, { did, issuer }: { did: string; issuer: string }): Promise<boolean> {
  try {
    const { metadata } = await client.oauthResolver.resolveFromIdentity(did, { noCache: true })
    return metadata.issuer !== issuer
  } catch {
    return false
  }
}

/**
 * Asks the authorization server to revoke a grant (RFC 7009).
 * Not by the library's `revoke`, which hides whether the server was reached.
 */
export async function revokeGrant(clients: OAuthClients, grant: Grant): Promise<void> {
  const { tokenSet, authMethod, dpopJwk } = grant
  const server = await clients
    .over({})
    .serverFactory.fromIssuer(tokenSet.iss, authMethod, await JoseKey.fromJWK(dpopJwk))
  await server.request('revocation', { token: tokenSet.refresh_token ?? tokenSet.access_token })
}
