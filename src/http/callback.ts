import type { FastifyReply, FastifyRequest } from 'fastify'
import { completeFlow } from '../flows/callback.ts'
import type { Gateway } from '../gateway.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './no-store.ts'

/**
 * `GET /auth/callback`: takes the authorization response, and redirects to the frontend with the outcome of the flow.
 */
export function callbackHandler(gateway: Gateway, cookies: Cookies) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { clientCookie, sessionCookie, client } = clientRequest(request, cookies)
    const params = new URL(request.url, gateway.config.publicUrl).searchParams
    const destination = await completeFlow(gateway, { params, clientCookie, sessionCookie, client })
    return noStore(reply).redirect(destination, 303)
  }
}
