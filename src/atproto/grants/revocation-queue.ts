import { OAuthResponseError } from '@atproto/oauth-client-node'
import pRetry, { AbortError } from 'p-retry'
import { SECOND } from '../../platform/clock.ts'
import { inParallel } from '../../platform/in-parallel.ts'
import type { Logger } from '../../platform/logger.ts'
import { SealError } from '../../store/sealing/sealer.ts'
import type { DueRevocation, DueRevocations } from './due-revocations.ts'
import { GrantUnreadable } from './grant.ts'
import type { Grants } from './grants.ts'

/** Revokes the grants of ended sessions at their authorization servers, in the background. */
export interface RevocationQueue {
  /**
   * Revokes a grant whose session has ended. Never blocks and never fails the caller. Where many sessions end at once,
   * what exceeds the places is left to `resume`.
   */
  revokeSoon(grantId: string): void
  /**
   * Works off what is due: what another process has left, and what could not be revoked before. Resolves when nothing
   * is due any more; never rejects.
   */
  resume(): Promise<void>
  /** Waits for what is in progress and begins nothing more. The next `resume` finds what is left. */
  close(): Promise<void>
}

type Parts = {
  grants: Pick<Grants, 'revoke'> & { due: Pick<DueRevocations, 'claim' | 'claimDue' | 'deleteGivenUp'> }
  logger: Pick<Logger, 'info' | 'warn'>
}

/** For the failures of a moment. Whatever takes longer than these two minutes waits for `resume`. */
const RETRIES = { retries: 5, minTimeout: 1 * SECOND, factor: 3, randomize: true }

/** How many grants are revoked at once right after their sessions have ended, and how many by `resume`. */
const SOON_AT_ONCE = 100
const RESUMED_AT_ONCE = 20

/** Claimed together. At 20 seconds each they are through long before they are due again. */
const BATCH = 200

export function createRevocationQueue({ grants, logger }: Parts): RevocationQueue {
  const inProgress = new Map<string, Promise<void>>()
  const closing = new AbortController()
  let resumed: Promise<void> | undefined

  async function revokeClaimed(grantId: string): Promise<void> {
    const due = await grants.due.claim(grantId)
    if (due === null) return
    await (isOver(due) ? giveUp([due]) : revokeDue(due, RETRIES))
  }

  async function revokeDue({ id, issuer, attempts }: DueRevocation, retries: { retries: number }): Promise<void> {
    try {
      await pRetry(() => attempt(id), { ...retries, signal: closing.signal })
    } catch (error) {
      if (closing.signal.aborted) return
      const about = { err: error, grantId: id, issuer, attempts: attempts + 1 }
      logger.warn(about, 'grant not revoked at its authorization server; housekeeping tries again')
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

  function track(grantId: string, work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => inProgress.delete(grantId))
    inProgress.set(grantId, tracked)
    return tracked
  }

  async function workOff(): Promise<void> {
    while (!closing.signal.aborted) {
      const due = await grants.due.claimDue(BATCH)
      if (due.length === 0) return
      const { over = [], open = [] } = Object.groupBy(due, (grant) => (isOver(grant) ? 'over' : 'open'))
      await giveUp(over)
      await inParallel(open, RESUMED_AT_ONCE, async (grant) => {
        if (closing.signal.aborted || inProgress.has(grant.id)) return
        await track(grant.id, revokeDue(grant, { retries: 0 }))
      })
    }
  }

  /** What no server honours, or no attempt has helped, is kept no longer. */
  async function giveUp(over: readonly DueRevocation[]): Promise<void> {
    if (over.length === 0) return
    await grants.due.deleteGivenUp(over.map(({ id }) => id))
    const expired = over.filter(({ hasExpired }) => hasExpired)
    if (expired.length > 0) logger.info({ grants: expired.length }, 'grants of ended sessions expired; not revoked')
    for (const { id, issuer, attempts } of over.filter(({ hasExpired }) => !hasExpired)) {
      logger.warn({ grantId: id, issuer, attempts }, 'grant given up: not revoked at its authorization server')
    }
  }

  function failed(what: string) {
    return (error: unknown) => logger.warn({ err: error }, `${what}; housekeeping tries again`)
  }

  return {
    revokeSoon(grantId) {
      if (inProgress.has(grantId) || closing.signal.aborted || inProgress.size >= SOON_AT_ONCE) return
      void track(grantId, revokeClaimed(grantId).catch(failed('grant not claimed to be revoked')))
    },

    resume() {
      resumed ??= workOff()
        .catch(failed('grants of ended sessions not revoked'))
        .finally(() => {
          resumed = undefined
        })
      return resumed
    },

    async close() {
      closing.abort()
      await Promise.all([...inProgress.values(), resumed])
    },
  }
}

function isOver({ hasExpired, isTriedOut }: DueRevocation): boolean {
  return hasExpired || isTriedOut
}

/** Whether another try at once would end the same: the server refuses, or the stored grant cannot be read. */
function isPermanent(error: unknown): error is Error {
  return (
    error instanceof SealError ||
    error instanceof GrantUnreadable ||
    (error instanceof OAuthResponseError && error.status < 500)
  )
}
