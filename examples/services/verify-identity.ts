import { createRemoteJWKSet, jwtVerify } from 'jose'

/** Who sent a request, as the gateway vouches for it. */
export type Identity = { did: string; handle: string; sessionId: string; scopes: string[] }

/**
 * Verifies identity tokens of a gateway for one service. The gateway's keys are fetched once, kept, and fetched again
 * when a token names a key that is not among them. No request to the gateway is made for each token.
 * @param gateway the gateway's PUBLIC_URL
 * @param audience this service, as it stands in the gateway's TOKEN_AUDIENCES
 */
export function createIdentityVerifier({ gateway, audience }: { gateway: string; audience: string }) {
  const keys = createRemoteJWKSet(new URL('/auth/jwks.json', gateway))

  /** @throws when the token is not one of this gateway for this service, or has ended */
  return async (token: string): Promise<Identity> => {
    const { payload } = await jwtVerify(token, keys, {
      issuer: gateway,
      audience,
      typ: 'atgate-id+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['exp', 'sub', 'sid'],
      // The clocks of two machines differ a little.
      clockTolerance: 5,
    })
    return {
      did: String(payload.sub),
      handle: String(payload.handle),
      sessionId: String(payload.sid),
      scopes: String(payload.scope).split(' '),
    }
  }
}

/** The token of a request: of a proxy's `X-Auth-Token`, or of a client's `Authorization: Bearer`. Empty without one. */
export function tokenOf(header: (name: string) => string | null | undefined): string {
  return header('x-auth-token') || (/^Bearer +(\S+)$/i.exec(header('authorization') ?? '')?.[1] ?? '')
}
