import type { Gateway } from '../../src/gateway.ts'

type Parts = { atproto: Pick<Gateway['atproto'], 'grants' | 'pds'> }

/** Asks the PDS of a grant's account whose the grant is (`com.atproto.server.getSession`). */
export async function getSession({ atproto: { grants, pds } }: Parts, grantId: string) {
  const held = await grants.hold(grantId)
  const response = await pds.send(
    { held, replaceRefused: (refused) => grants.replaceRefused(refused) },
    {
      origin: new URL(held.grant.tokenSet.aud).origin,
      method: 'GET',
      path: '/xrpc/com.atproto.server.getSession',
      headers: {},
      body: { kind: 'kept', bytes: null },
      signal: AbortSignal.timeout(30_000),
    },
  )
  return { status: response.statusCode, ...((await response.body.json()) as { did?: string }) }
}
