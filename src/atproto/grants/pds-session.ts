import { JoseKey, OAuthSession, type SessionGetter } from '@atproto/oauth-client-node'
import type { OAuthClients } from '../client.ts'
import type { HeldGrant } from './grant.ts'

/** Gives the token set that replaces one whose access token a resource server has refused; null if there is none. */
export type ReplaceRefused = (refused: HeldGrant) => Promise<HeldGrant | null>

/**
 * A session of the library that calls the account's PDS with a token set (DPoP, RFC 9449). The library would refresh by
 * itself, and drop the session on the 401 of any resource server. It does both through its session getter, so it gets
 * one that does neither: a refused token is replaced by what `replaceRefused` gives, once a call.
 */
export async function createPdsSession(
  clients: OAuthClients,
  { held, replaceRefused }: { held: HeldGrant; replaceRefused: ReplaceRefused },
): Promise<OAuthSession> {
  const { tokenSet, authMethod, dpopJwk } = held.grant
  const client = clients.withStores({})
  const key = await JoseKey.fromJWK(dpopJwk)
  const server = await client.serverFactory.fromIssuer(tokenSet.iss, authMethod, key)
  const getter = {
    async getSession(_did: string, refresh: boolean | 'auto') {
      if (refresh !== true) return { tokenSet }
      const newer = await replaceRefused(held)
      // The library then returns the response as it was.
      if (newer === null) throw new Error('the access token was refused, and there is no newer one')
      return { tokenSet: newer.grant.tokenSet }
    },
    delStored: async () => undefined,
  }
  // The class has private members, so nothing else is assignable to it. These two are all that a session calls.
  return new OAuthSession(server, tokenSet.sub, getter as unknown as SessionGetter, client.fetch)
}
