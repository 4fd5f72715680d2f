import { z } from 'zod'
import type { Logger } from '../../platform/logger.ts'
import type { OAuthClients } from '../client.ts'
import type { HeldGrant } from './grant.ts'
import type { GrantChange } from './grant-change.ts'
import { createPdsSession } from './pds-session.ts'
import type { GrantRows } from './rows.ts'

/** Asks the PDS whether it still serves the account of a grant. Rejects when the PDS does not say. */
export type AskAccountStatus = (held: HeldGrant) => Promise<'active' | 'deactivated'>

/**
 * A PDS goes on refreshing the grants of an account that is deactivated, suspended or taken down, but serves it
 * nothing. Only what its `getSession` says in so many words counts: a refusal has other causes too.
 */
export function createAskAccountStatus(clients: OAuthClients): AskAccountStatus {
  return async (held) => {
    const session = await createPdsSession(clients, { held, replaceRefused: async () => null })
    const response = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
    if (!response.ok) throw new Error(`getSession: ${response.status}`)
    return sessionResponse.parse(await response.json()).active === false ? 'deactivated' : 'active'
  }
}

const sessionResponse = z.object({ active: z.boolean().optional() })

type Parts = {
  askAccountStatus: AskAccountStatus
  rows: Pick<GrantRows, 'markLost'>
  logger: Pick<Logger, 'info'>
  onChange(change: GrantChange): void
}

/** Gives the grant of an account up that its PDS serves no more. Never rejects. */
export async function checkAccount({ askAccountStatus, rows, logger, onChange }: Parts, held: HeldGrant) {
  try {
    if ((await askAccountStatus(held)) === 'active') return
    if (!(await rows.markLost(held, 'deactivated'))) return
    logger.info({ grantId: held.id, reason: 'deactivated' }, 'grant lost')
    onChange({ id: held.id, state: 'lost' })
  } catch (error) {
    logger.info({ err: error, grantId: held.id }, 'account not checked')
  }
}
