import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { bindToChallenge, bindToCookie, newClientCookie } from '../flows/client-binding.ts'
import { createAccount } from '../flows/kinds/create-account.ts'
import { login } from '../flows/kinds/login.ts'
import { type FlowReturn, type StartedFlow, startFlow } from '../flows/start.ts'
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

type StartQuery = z.output<typeof startQuery>

/**
 * `GET /auth/start`: starts a sign-in (`handle`) or an account creation (`pds_url`), and redirects to the authorization
 * server. A page that shows errors itself sends `Accept: application/json`, and gets the URL in the response instead.
 */
export function startHandler(gateway: Gateway, cookies: Cookies): Handler {
  return async (request, reply) => {
    const query = startQuery.safeParse(request.query)
    if (!query.success) throw new GatewayError('BAD_USER_INPUT', 'Give each parameter once.')
    const { return_to: returnTo = null, exchange_challenge } = query.data
    const clientCookie = clientRequest(request, cookies).clientCookie ?? newClientCookie()
    const binding = exchange_challenge === undefined ? bindToCookie(clientCookie) : bindToChallenge(exchange_challenge)
    const { authUrl, expiresAt } = await startFromQuery(gateway, query.data, { returnTo, binding })

    noStore(reply)
    if (binding.kind === 'cookie') cookies.of(reply).setClient(clientCookie)
    if (request.headers.accept?.includes('application/json')) return reply.send({ authUrl, expiresAt })
    return reply.redirect(authUrl, 303)
  }
}

/** Exactly one of `handle` and `pds_url` says which kind of flow it is. */
function startFromQuery(
  gateway: Gateway,
  { handle, pds_url: pdsUrl }: StartQuery,
  flowReturn: FlowReturn,
): Promise<StartedFlow> {
  if (handle !== undefined && pdsUrl === undefined) {
    return startFlow(gateway, login, { ...flowReturn, request: { account: handle } })
  }
  if (pdsUrl !== undefined && handle === undefined) {
    return startFlow(gateway, createAccount, { ...flowReturn, request: { pdsUrl } })
  }
  throw new GatewayError(
    'BAD_USER_INPUT',
    'Give either handle, to sign in, or pds_url, to create an account: exactly one of them.',
  )
}
