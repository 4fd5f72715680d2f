import type { OAuthSession } from '@atproto/oauth-client-node'
import { z } from 'zod'
import { type Clock, MINUTE } from '../../platform/clock.ts'
import { GrantLost } from './rows.ts'
import { type GrantParts, useGrant } from './use.ts'

/** A grant that was refreshed so recently is not refreshed again: parallel requests ask at the same time. */
const DEBOUNCE = 1 * MINUTE

/**
 * Refreshes a grant, unless it was refreshed within the last minute, and checks that the account is still served.
 * @throws GrantLost
 */
export async function refreshGrant(parts: GrantParts & { clock: Clock }, id: string): Promise<void> {
  const { rows, clock } = parts
  const row = await rows.require(id)
  if (clock() - row.updatedAt.getTime() < DEBOUNCE) return
  const session = await useGrant(parts, id, true)
  if (await isDeactivated(session)) {
    await rows.markLost(id)
    throw new GrantLost(`the account of grant ${id} is deactivated`)
  }
}

/**
 * A PDS goes on refreshing the grants of an account that is deactivated, suspended or taken down, but serves it
 * nothing.
 */
async function isDeactivated(session: OAuthSession): Promise<boolean> {
  const response = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
  return response.ok && sessionResponse.parse(await response.json()).active === false
}

const sessionResponse = z.object({ active: z.boolean().optional() })
