import { JoseKey } from '@atproto/oauth-client-node'
import type { Grant } from '../../src/atproto/authorization.ts'
import type { Gateway } from '../../src/gateway.ts'

type Parts = Pick<Gateway, 'db' | 'sealer' | 'clients'>

const purposeOf = (row: { id: string; did: string }) => `credential:${row.id}:${row.did}`

/** The OAuth grant that a credential holds, opened. */
export async function openGrant({ db, sealer }: Parts, credentialId: string): Promise<Grant> {
  const row = await db.credential.findUniqueOrThrow({ where: { id: credentialId } })
  return (await sealer.open(row.sealed, purposeOf(row))) as Grant
}

/** Puts an altered grant in its place. */
export async function replaceTokenSet(
  { db, sealer, clients }: Parts,
  credentialId: string,
  change: Partial<Grant['tokenSet']>,
): Promise<void> {
  const row = await db.credential.findUniqueOrThrow({ where: { id: credentialId } })
  const grant = await openGrant({ db, sealer, clients }, credentialId)
  const altered = { ...grant, tokenSet: { ...grant.tokenSet, ...change } }
  await db.credential.update({
    where: { id: credentialId },
    data: { sealed: await sealer.seal(altered, purposeOf(row)) },
  })
}

/** Talks to the grant's authorization server past everything that the gateway keeps. */
export async function askAuthorizationServer({ clients }: Parts, { tokenSet, authMethod, dpopJwk }: Grant) {
  const server = await clients
    .over({})
    .serverFactory.fromIssuer(tokenSet.iss, authMethod, await JoseKey.fromJWK(dpopJwk))
  return {
    refresh: () => server.refresh(tokenSet),
    revoke: () => server.request('revocation', { token: tokenSet.refresh_token ?? '' }),
  }
}
