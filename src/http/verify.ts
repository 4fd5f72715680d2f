import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { z } from 'zod'
import { confirmedHandle } from '../accounts/confirmed-handle.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { IdentityTokens } from '../services/identity-token.ts'
import { type Demand, type Verified, verify } from '../services/verify.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { headerText } from './header-text.ts'
import { NO_STORE, noStore } from './no-store.ts'
import { problemOf } from './respond.ts'
import { signInRedirect } from './sign-in-redirect.ts'
import { createTrustedPeer } from './trusted-peer.ts'

/** Where proxies ask whether a request may reach a service. */
export const VERIFY_PATH = '/auth/verify'

const verifyQuery = z.object({
  scope: z.union([z.string(), z.array(z.string())]).default([]),
  audience: z.string().nullable().default(null),
  // `?redirect=` says it too.
  redirect: z.preprocess((text) => text === '' || text, z.stringbool()).default(false),
})

/** Requests that were refused before Fastify had them: under which id, why, and after how many milliseconds. */
export type Refusals = WeakMap<IncomingMessage, { id: string; error: unknown; ms: number }>

type Parts = { cookies: Cookies; identityTokens: Pick<IdentityTokens, 'share'>; refusals: Refusals }

/**
 * `GET /auth/verify`: whether the request that a proxy asks about may reach a service, and who makes it
 * (docs/forward-auth.md). Answers 200, 401, 403 or 503, and nothing else; with `?redirect=1` a person who is not signed
 * in is led to the sign-in instead of 401.
 */
export function verifyRoute(
  gateway: Gateway,
  { cookies, identityTokens, refusals }: Parts,
): { options: RouteShorthandOptions; handler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> } {
  const trusts = createTrustedPeer(gateway.config)
  return {
    options: { errorHandler: refuse },
    async handler(request, reply) {
      const { redirect, ...demand } = readQuery(request.query)
      try {
        const refusal = refusals.get(request.raw)
        if (refusal !== undefined) throw refusal.error
        const verified = await verify(gateway, identityTokens, {
          clientRequest: clientRequest(request, cookies),
          ...demand,
        })
        return reply.headers(identityHeaders(verified, NO_STORE)).send()
      } catch (error) {
        const isSignedOut = error instanceof GatewayError && error.code === 'UNAUTHENTICATED'
        const signIn = isSignedOut && redirect ? signInRedirect(request, { config: gateway.config, trusts }) : null
        if (signIn === null) throw error
        return noStore(reply).redirect(signIn, 303)
      }
    },
  }
}

/**
 * What a service asks of the requests that it has verified, by the query.
 * @throws GatewayError BAD_USER_INPUT
 */
export function readDemand(query: unknown): Demand {
  const { scopes, audience } = readQuery(query)
  return { scopes, audience }
}

function readQuery(query: unknown) {
  const parsed = verifyQuery.safeParse(query)
  if (!parsed.success) {
    throw new GatewayError('BAD_USER_INPUT', 'Give audience once, and redirect as 1; scope may stand several times.')
  }
  const { scope, ...others } = parsed.data
  return { ...others, scopes: [scope].flat().flatMap((text) => text.split(' ')) }
}

/**
 * The headers of an answer that tells who it is, and others. Each of its own stands on every answer: a proxy that copies
 * them overwrites whatever the client has sent.
 */
export function identityHeaders({ session, token }: Verified, others: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return {
    ...others,
    'x-auth-did': headerText(session.did),
    'x-auth-handle': headerText(confirmedHandle(session.account)),
    'x-auth-session': headerText(session.id),
    'x-auth-scope': headerText(session.grant.scope),
    'x-auth-token': token ?? '',
  }
}

/** Proxies know 401 and 403, and take everything else for a failure: a mistake in the query lets nobody through. */
function refuse(error: FastifyError | GatewayError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, ...problem } = problemOf(error, request)
  const { retryAfter, reason, missingScopes } = error instanceof GatewayError ? error : ({} as Partial<GatewayError>)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  // RFC 9110 §15.5.2. Browsers ask for no password by this scheme.
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  noStore(reply)
    .code(verifyStatus(status))
    .send({ ...problem, ...(reason && { reason }), ...(missingScopes && { missingScopes }) })
}

/** An address that sent too many wrong tokens is not told 401, since nobody has looked whether this one is wrong. */
function verifyStatus(status: number): 401 | 403 | 503 {
  if (status === 401) return 401
  return status === 429 || status >= 500 ? 503 : 403
}
