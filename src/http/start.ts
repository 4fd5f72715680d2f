import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseStartInput } from '../flows/account-input.ts'
import { completeFlow } from '../flows/callback.ts'
import { bindToChallenge, bindToCookie, newClientCookie } from '../flows/client-binding.ts'
import { startSignIn } from '../flows/start.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './respond.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

const parameter = z.string().optional()
const startQuery = z.object({
  handle: parameter,
  pds_url: parameter,
  return_to: parameter,
  exchange_challenge: parameter,
})

/**
 * `GET /auth/start`: begins to sign in (`handle`) or to create an account (`pds_url`), and redirects to the authorization server.
 * A page that wants to show errors in place asks with `Accept: application/json`, and is told the address instead.
 */
export function startHandler(gateway: Gateway, cookies: Cookies): Handler {
  return async (request, reply) => {
    const query = startQuery.safeParse(request.query)
    if (!query.success) throw new GatewayError('BAD_USER_INPUT', 'Give each parameter once.')
    const { handle = null, pds_url: pdsUrl = null, return_to: returnTo = null, exchange_challenge } = query.data
    const input = parseStartInput({ handle, pdsUrl })
    const clientCookie = clientRequest(request, cookies).clientCookie ?? newClientCookie()
    const binding = exchange_challenge === undefined ? bindToCookie(clientCookie) : bindToChallenge(exchange_challenge)
    const { authUrl, expiresAt } = await startSignIn(gateway, { input, returnTo, binding })

    noStore(reply)
    if (binding.kind === 'cookie') cookies.of(reply).setClient(clientCookie)
    if (request.headers.accept?.includes('application/json')) return reply.send({ authUrl, expiresAt })
    return reply.redirect(authUrl, 303)
  }
}

/** `GET /auth/callback`: takes the authorization response, and redirects to the frontend with what became of it. */
export function callbackHandler(gateway: Gateway, cookies: Cookies): Handler {
  return async (request, reply) => {
    const { clientCookie, client } = clientRequest(request, cookies)
    const params = new URL(request.url, gateway.config.publicUrl).searchParams
    const destination = await completeFlow(gateway, { params, clientCookie, userAgent: client.userAgent })
    return noStore(reply).redirect(destination, 303)
  }
}
