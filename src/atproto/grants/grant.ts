import { isAtprotoDid, type NodeSavedSession } from '@atproto/oauth-client-node'
import { z } from 'zod'

/** What the authorization server granted: token set, DPoP key and how the client authenticated. Secret as a whole. */
export type Grant = NodeSavedSession

type TokenSet = Grant['tokenSet']

/** A token set of a stored grant. Each refresh raises the generation by one. */
export type HeldGrant = { id: string; did: string; generation: bigint; grant: Grant }

/** How we authenticate to the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`). */
export const authMethodSchema = z.discriminatedUnion('method', [
  z.object({ method: z.literal('none') }),
  z.object({ method: z.literal('private_key_jwt'), kid: z.string() }),
])

/** A private key as a JWK (RFC 7517). The library checks the members of its type when it imports the key. */
export const dpopJwkSchema = z.custom<Grant['dpopJwk']>(
  (value) => z.looseObject({ kty: z.string() }).safeParse(value).success,
)

const tokenSet = z.looseObject({
  iss: z.url(),
  sub: z.custom<TokenSet['sub']>(isAtprotoDid),
  aud: z.string(),
  scope: z.custom<TokenSet['scope']>((value) => typeof value === 'string'),
  token_type: z.literal('DPoP'),
  access_token: z.string(),
  refresh_token: z.string().exactOptional(),
  expires_at: z.string().exactOptional(),
})

const grantSchema = z.object({ authMethod: authMethodSchema, dpopJwk: dpopJwkSchema, tokenSet })

/** A stored grant that does not have the form of one: another version of the gateway may have written it. */
export class GrantUnreadable extends Error {
  override readonly name = 'GrantUnreadable'
}

/**
 * Reads a grant that was stored.
 * @throws GrantUnreadable
 */
export function parseGrant(value: unknown): Grant {
  const parsed = grantSchema.safeParse(value)
  if (parsed.success) return parsed.data
  // The paths alone: the values are secret.
  const wrong = parsed.error.issues.map(({ path }) => path.join('.') || 'the whole')
  throw new GrantUnreadable(`not a grant: ${wrong.join(', ')}`)
}
