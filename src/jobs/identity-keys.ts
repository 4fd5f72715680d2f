import { MINUTE } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { IdentityKeys } from '../services/identity-keys/identity-keys.ts'

const INTERVAL = 5 * MINUTE

/** Lets one key of identity tokens follow another; the returned function stops it and resolves once it is done. */
export function startKeyRotation(
  identityKeys: Pick<IdentityKeys, 'maintain'>,
  logger: Pick<Logger, 'warn'>,
): () => Promise<void> {
  let round: Promise<void> | undefined

  async function runRound(): Promise<void> {
    try {
      await identityKeys.maintain()
    } catch (error) {
      logger.warn({ err: error }, 'identity keys not maintained until the next round')
    }
    round = undefined
  }

  const timer = setInterval(() => {
    round ??= runRound()
  }, INTERVAL)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await round
  }
}
