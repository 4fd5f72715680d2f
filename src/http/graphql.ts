import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './no-store.ts'

/** The GraphQL API as the HTTP layer uses it. */
export interface GraphqlServer {
  handleNodeRequest(
    request: FastifyRequest,
    context: { clientRequest: ClientRequest; cookies: ClientCookies; whenGone(listener: () => void): void },
  ): Promise<Response> | Response
}

/** `GET` and `POST /graphql`: the API. */
export function graphqlHandler(server: GraphqlServer, cookies: Cookies) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const response = await server.handleNodeRequest(request, {
      clientRequest: clientRequest(request, cookies),
      cookies: cookies.of(reply),
      whenGone(listener) {
        if (reply.raw.closed) listener()
        else reply.raw.once('close', listener)
      },
    })
    noStore(reply).code(response.status)
    for (const [name, value] of response.headers) reply.header(name, value)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
    if (!isStream) return reply.send(await response.text())
    // A connection that stays open after its stream has ended delays the shutdown of the gateway.
    reply.header('connection', 'close')
    // Without this header nginx holds events back until its buffer is full.
    reply.header('x-accel-buffering', 'no')
    // Yoga's body is also a Node stream. Fastify destroys it when the client disconnects, which ends the subscription.
    return reply.send(response.body)
  }
}
