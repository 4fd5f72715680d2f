import { OAuthResponseError } from '@atproto/oauth-client-node'
import pRetry, { AbortError } from 'p-retry'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { SealError } from '../../store/sealing/sealer.ts'
import { GrantUnreadable } from './grant.ts'
import type { Grants } from './grants.ts'

/** Revokes the grants of ended sessions at their authorization servers, in the background. */
export interface RevocationQueue {
  /** Queues a grant whose session has ended. Never blocks and never fails the caller. */
  revokeSoon(grantId: string): void
  /** Queues what is left, by an earlier process too: grants that no session points at. */
  resume(): Promise<void>
  /** Waits for what is in progress and starts no more retries. The next `resume` finds what is left. */
  close(): Promise<void>
}

type Parts = {
  grants: Pick<Grants, 'revoke' | 'findUnrevoked'>
  logger: Logger
}

const RETRIES = { retries: 5, minTimeout: 1 * SECOND, factor: 3, randomize: true }
const RESUMED_AT_ONCE = 200

export function createRevocationQueue({ grants, logger }: Parts): RevocationQueue {
  const inProgress = new Map<string, Promise<void>>()
  const closing = new AbortController()

  async function revoke(grantId: string): Promise<void> {
    try {
      await pRetry(() => attempt(grantId), { ...RETRIES, signal: closing.signal })
    } catch (error) {
      if (closing.signal.aborted) return
      logger.warn({ err: error, grantId }, 'grant not revoked at its authorization server; housekeeping tries again')
    }
  }

  async function attempt(grantId: string): Promise<void> {
    try {
      await grants.revoke(grantId)
    } catch (error) {
      if (isPermanent(error)) throw new AbortError(error)
      throw error
    }
  }

  function revokeSoon(grantId: string): void {
    if (inProgress.has(grantId) || closing.signal.aborted) return
    const work = revoke(grantId).finally(() => inProgress.delete(grantId))
    inProgress.set(grantId, work)
  }

  return {
    revokeSoon,

    async resume() {
      for (const id of await grants.findUnrevoked(RESUMED_AT_ONCE)) revokeSoon(id)
    },

    async close() {
      closing.abort()
      await Promise.all(inProgress.values())
    },
  }
}

/** Whether another try would end the same: the server refuses for good, or the stored grant cannot be read. */
function isPermanent(error: unknown): error is Error {
  return (
    error instanceof SealError ||
    error instanceof GrantUnreadable ||
    (error instanceof OAuthResponseError && error.status < 500)
  )
}
