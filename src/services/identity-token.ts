import { SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { confirmedHandle } from '../accounts/confirmed-handle.ts'
import type { Config } from '../config/config.ts'
import { type Clock, SECOND } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Viewer } from '../sessions/viewer.ts'
import { ALGORITHM, type IdentityKey } from './identity-keys/identity-key.ts'
import type { IdentityKeys } from './identity-keys/identity-keys.ts'

/** The `typ` of identity tokens: no other token of the gateway, or of anybody else, can be taken for one (RFC 8725 §3.11). */
export const TOKEN_TYPE = 'atgate-id+jwt'

/** How long a token lives: a service that verifies it does not learn that its session has ended. */
export const TOKEN_LIFETIME = 60 * SECOND

/** How long a token must still live to be handed out once more. */
const REUSED_WHILE = 30 * SECOND

/** How much is kept to be handed out once more, in characters: tokens of ten thousand sessions. */
const MAX_KEPT = 10_000_000

/** A signed statement of who somebody is, for one service (docs/identity-tokens.md). */
export type IdentityToken = { token: string; expiresAt: Date }

/** Issues identity tokens. Each names its service (`aud`), which must be one of TOKEN_AUDIENCES. */
export interface IdentityTokens {
  /**
   * Issues a token with its whole life before it.
   * @param audience null for the only one
   * @throws GatewayError BAD_USER_INPUT
   * @throws StoreUnavailable
   */
  issue(viewer: Viewer, audience: string | null): Promise<IdentityToken>
  /**
   * Issues a token, or gives the last one again while half of its life remains.
   * @param audience null for the first one
   * @returns null where the gateway issues no tokens and none was asked for by name
   * @throws GatewayError BAD_USER_INPUT
   * @throws StoreUnavailable
   */
  share(viewer: Viewer, audience: string | null): Promise<IdentityToken | null>
}

type Parts = {
  config: Pick<Config, 'publicUrl' | 'tokenAudiences'>
  keys: Pick<IdentityKeys, 'signing'>
  clock: Clock
}

export function createIdentityTokens({ config: { publicUrl, tokenAudiences }, keys, clock }: Parts): IdentityTokens {
  const kept = new LRUCache<string, IdentityToken>({
    maxSize: MAX_KEPT,
    sizeCalculation: ({ token }, id) => token.length + id.length,
  })

  async function sign(claims: Claims, key: Pick<IdentityKey, 'kid' | 'privateKey'>): Promise<IdentityToken> {
    const issuedAt = Math.floor(clock() / SECOND)
    const endsAt = issuedAt + TOKEN_LIFETIME / SECOND
    const token = await new SignJWT({ ...claims, iss: publicUrl, iat: issuedAt, exp: endsAt })
      .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE, kid: key.kid })
      .sign(key.privateKey)
    return { token, expiresAt: new Date(endsAt * SECOND) }
  }

  return {
    async issue(viewer, audience) {
      const [only, ...others] = tokenAudiences
      if (audience === null && only !== undefined && others.length > 0) {
        throw new GatewayError('BAD_USER_INPUT', 'Name the audience: this gateway issues tokens for several.')
      }
      return sign(claimsOf(viewer, requireAudience(audience ?? only, tokenAudiences)), await keys.signing())
    },

    async share(viewer, audience) {
      if (audience === null && tokenAudiences.length === 0) return null
      const claims = claimsOf(viewer, requireAudience(audience ?? tokenAudiences[0], tokenAudiences))
      const key = await keys.signing()
      const id = JSON.stringify([key.kid, claims])
      const last = kept.get(id)
      if (last !== undefined && last.expiresAt.getTime() - clock() >= REUSED_WHILE) return last
      const issued = await sign(claims, key)
      kept.set(id, issued)
      return issued
    },
  }
}

type Claims = { aud: string; sub: string; handle: string; sid: string; scope: string }

function claimsOf({ session }: Viewer, aud: string): Claims {
  const { id: sid, did: sub, account, grant } = session
  return { aud, sub, handle: confirmedHandle(account), sid, scope: grant.scope }
}

/**
 * A token is for one service, which refuses those of others: none could otherwise use it at another one (RFC 8725
 * §3.9).
 */
function requireAudience(audience: string | undefined, known: readonly string[]): string {
  if (audience === undefined) {
    throw new GatewayError('BAD_USER_INPUT', 'This gateway issues no identity tokens. Set TOKEN_AUDIENCES.')
  }
  if (!known.includes(audience)) {
    throw new GatewayError('BAD_USER_INPUT', 'This audience is none of TOKEN_AUDIENCES.')
  }
  return audience
}
