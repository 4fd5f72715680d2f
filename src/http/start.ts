import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './no-store.ts'
import { navigateStart } from './start-navigation.ts'
import { startOrigin } from './start-origin.ts'
import { begin, readStart } from './start-query.ts'

/**
 * `GET /auth/start`: begins to sign in (`handle`) or to create an account (`pds_url`), and redirects to the
 * authorization server. A call (`Accept: application/json`) gets the address as JSON. A navigation that was not begun
 * here gets a page that asks first (docs/decisions/0006-ask-before-a-sign-in-begun-elsewhere.md); one with a mistake
 * gets a page with the form.
 */
export function startHandler(gateway: Gateway, cookies: Cookies) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    noStore(reply)
    const origin = startOrigin(request.headers, gateway.config.allowedOrigins)
    switch (origin) {
      case 'refused':
        throw refused(request)
      case 'call': {
        const start = readStart(request, cookies)
        const { authUrl, expiresAt } = await begin(gateway, start)
        if (start.binding.kind === 'cookie') cookies.of(reply).setClient(start.clientCookie)
        return reply.send({ authUrl, expiresAt })
      }
      case 'here':
      case 'elsewhere':
        return navigateStart(gateway, { request, reply, cookies, isFromHere: origin === 'here' })
    }
  }
}

function refused({ headers }: FastifyRequest): GatewayError {
  return new GatewayError(
    'FORBIDDEN',
    'A sign-in is begun by a link, or by a call from a frontend of this gateway. Add its origin to CORS_ORIGINS.',
    { detail: `origin ${headers.origin ?? 'absent'}, ${headers['sec-fetch-site'] ?? 'no'} fetch site` },
  )
}
