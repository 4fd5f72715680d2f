import { JoseKey } from '@atproto/oauth-client-node'
import type { Grant } from '../../src/atproto/grants/grant.ts'
import type { Gateway } from '../../src/gateway.ts'

type Parts = Pick<Gateway, 'stores' | 'atproto'>

const purposeOf = ({ id, did, generation }: { id: string; did: string; generation: bigint }) =>
  `grant:${id}:${did}:${generation}`

/** The OAuth grant that a grant holds, opened. */
export async function openGrant({ stores: { db, sealer } }: Pick<Parts, 'stores'>, grantId: string): Promise<Grant> {
  const row = await db.grant.findUniqueOrThrow({ where: { id: grantId } })
  return (await sealer.open(row.sealed, purposeOf(row))) as Grant
}

/** Puts an altered grant in its place. */
export async function replaceTokenSet(
  { stores }: Pick<Parts, 'stores'>,
  grantId: string,
  change: Partial<Grant['tokenSet']>,
): Promise<void> {
  const { db, sealer } = stores
  const row = await db.grant.findUniqueOrThrow({ where: { id: grantId } })
  const grant = await openGrant({ stores }, grantId)
  const altered = { ...grant, tokenSet: { ...grant.tokenSet, ...change } }
  await db.grant.update({
    where: { id: grantId },
    data: { sealed: await sealer.seal(altered, purposeOf(row)) },
  })
}

/** Talks to the grant's authorization server past everything that the gateway keeps. */
export async function askAuthorizationServer(
  { atproto: { clients } }: Pick<Parts, 'atproto'>,
  { tokenSet, authMethod, dpopJwk }: Grant,
) {
  const server = await clients
    .withStores({})
    .serverFactory.fromIssuer(tokenSet.iss, authMethod, await JoseKey.fromJWK(dpopJwk))
  return {
    refresh: () => server.refresh(tokenSet),
    revoke: () => server.request('revocation', { token: tokenSet.refresh_token ?? '' }),
  }
}
