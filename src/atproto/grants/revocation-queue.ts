import { OAuthResponseError } from '@atproto/oauth-client-node'
import pRetry, { AbortError } from 'p-retry'
import { type Clock, SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { SealError } from '../../store/sealing/sealer.ts'
import type { PrismaClient } from '../../store/sql/generated/client.ts'
import type { Credentials } from './grants.ts'

/** Revokes the grants of ended sessions at their authorization servers, in the background. */
export interface Revocation {
  /** Takes a credential whose session has ended. Never blocks and never fails the caller. */
  revokeSoon(credentialId: string): void
  /** Takes up what was left, by an earlier process too: credentials that no session points at. */
  resume(): Promise<void>
  /** Waits for what is under way, but starts no more retries. What is left is found by the next `resume`. */
  close(): Promise<void>
}

type Dependencies = {
  db: Pick<PrismaClient, 'credential'>
  credentials: Pick<Credentials, 'revoke'>
  clock: Clock
  logger: Logger
}

const RETRIES = { retries: 5, minTimeout: 1 * SECOND, factor: 3, randomize: true }
const RESUMED_AT_ONCE = 200

export function createRevocation({ db, credentials, clock, logger }: Dependencies): Revocation {
  const underWay = new Map<string, Promise<void>>()
  const closing = new AbortController()

  async function revoke(credentialId: string): Promise<void> {
    try {
      await pRetry(() => attempt(credentialId), { ...RETRIES, signal: closing.signal })
    } catch (error) {
      if (closing.signal.aborted) return
      logger.warn(
        { err: error, credentialId },
        'grant not revoked at its authorization server; housekeeping tries again',
      )
    }
  }

  async function attempt(credentialId: string): Promise<void> {
    try {
      await credentials.revoke(credentialId)
    } catch (error) {
      if (isHopeless(error)) throw new AbortError(error)
      throw error
    }
  }

  function revokeSoon(credentialId: string): void {
    if (underWay.has(credentialId) || closing.signal.aborted) return
    const work = revoke(credentialId).finally(() => underWay.delete(credentialId))
    underWay.set(credentialId, work)
  }

  return {
    revokeSoon,

    async resume() {
      // A grant past its refresh lifetime is honoured by nobody.
      await db.credential.deleteMany({ where: { session: null, expiresAt: { lt: new Date(clock()) } } })
      const left = await db.credential.findMany({
        where: { session: null },
        select: { id: true },
        take: RESUMED_AT_ONCE,
      })
      for (const { id } of left) revokeSoon(id)
    },

    async close() {
      closing.abort()
      await Promise.all(underWay.values())
    },
  }
}

/** Another try would end the same: the server refuses for good, or the key that sealed the grant is gone. */
function isHopeless(error: unknown): error is Error {
  return error instanceof SealError || (error instanceof OAuthResponseError && error.status < 500)
}
