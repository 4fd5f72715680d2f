import type { NodeSavedState } from '@atproto/oauth-client-node'
import { z } from 'zod'
import { authMethodSchema, dpopJwkSchema } from '../grants/grant.ts'

/**
 * A pushed authorization request: the `state` that its response will carry, and what is needed to redeem it. Secret.
 */
export type AuthorizationRequest = { state: string; saved: NodeSavedState }

/** Reads an authorization request that was stored. */
export const authorizationRequestSchema: z.ZodType<AuthorizationRequest> = z.object({
  state: z.string(),
  saved: z.looseObject({
    iss: z.url(),
    dpopJwk: dpopJwkSchema,
    authMethod: authMethodSchema,
    verifier: z.string(),
    appState: z.string().exactOptional(),
  }),
})

/**
 * What the user is asked on the authorization server's pages (OpenID Connect Core 1.0 §3.1.2.1; `create` as in its
 * Prompt Create).
 */
export type Prompt = 'create' | 'login' | 'consent'
