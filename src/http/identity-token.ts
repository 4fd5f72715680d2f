import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { IdentityKeys } from '../services/identity-keys/identity-keys.ts'
import { JWKS_MAX_AGE } from '../services/identity-keys/lifetime.ts'
import type { IdentityTokens } from '../services/identity-token.ts'
import { identify } from '../sessions/identify.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './no-store.ts'

/** Where a client gets an identity token. */
export const TOKEN_PATH = '/auth/token'
/** The path of the keys by which services verify identity tokens. */
export const IDENTITY_JWKS_PATH = '/auth/jwks.json'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

const tokenBody = z.object({ audience: z.string().nullable().default(null) })

type TokenParts = { cookies: Cookies; identityTokens: Pick<IdentityTokens, 'issue'> }

/** `POST /auth/token`: an identity token for one service (docs/identity-tokens.md). */
export function tokenHandler(gateway: Gateway, { cookies, identityTokens }: TokenParts): Handler {
  return async (request, reply) => {
    noStore(reply)
    const { viewer } = await identify(gateway, clientRequest(request, cookies))
    // No body is a body without an audience.
    const body = tokenBody.safeParse(request.body ?? {})
    if (!body.success) throw new GatewayError('BAD_USER_INPUT', 'Send {"audience": "…"}, or no body.')
    return reply.send(await identityTokens.issue(viewer, body.data.audience))
  }
}

/** `GET /auth/jwks.json`: the public keys of identity tokens (RFC 7517 §5). */
export function identityJwksHandler(identityKeys: Pick<IdentityKeys, 'published'>): Handler {
  return async (request, reply) => {
    const keys = await identityKeys.published()
    // A thumbprint names the content of its key.
    const etag = `"${keys.map(({ kid }) => kid).join('.')}"`
    reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE / 1000}`).header('etag', etag)
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.send({ keys })
  }
}
