import type { HeldGrant } from '../../atproto/grants/grant.ts'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../platform/errors.ts'
import type { AccountSession } from '../../sessions/client.ts'

type Parts = { atproto: Pick<Gateway['atproto'], 'identities' | 'grants'> }

/** The origin of the account's PDS, and the session's grant, which is for that server. */
export type GrantAtPds = { origin: string; held: HeldGrant }

/**
 * Opens a session's grant for the server where the account lives. An access token is sent to no other: neither to one
 * that the account has left, nor to one for which it was not made.
 * @throws GrantLost when the authorization server has changed too; GatewayError SERVICE_UNAVAILABLE, PDS_UNAVAILABLE,
 * HANDLE_NOT_FOUND
 */
export async function grantAtPds(
  { atproto: { identities, grants } }: Parts,
  { did, grantId, grant }: Pick<AccountSession, 'did' | 'grantId' | 'grant'>,
): Promise<GrantAtPds> {
  const [origin, held] = await Promise.all([identities.pdsOf(did), grants.hold(grantId, grant)])
  if (audienceOf(held) === origin) return { origin, held }
  // Whichever of the two was read first is the older one.
  const current = await identities.pdsOf(did, 'now')
  if (audienceOf(held) === current) return { origin: current, held }
  const renewed = await grants.replaceRefused(held)
  if (renewed !== null && audienceOf(renewed) === current) return { origin: current, held: renewed }
  throw new GatewayError('PDS_UNAVAILABLE', 'The account has moved to another server. Try again in a minute.', {
    detail: `${did} is at ${current}, and its grant for ${audienceOf(held)}`,
    retryAfter: 60,
  })
}

function audienceOf({ grant: { tokenSet } }: HeldGrant): string {
  return new URL(tokenSet.aud).origin
}
