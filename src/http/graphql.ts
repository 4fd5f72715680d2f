import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { noStore } from './respond.ts'

/** The GraphQL API, seen from the HTTP side. */
export interface GraphqlServer {
  handleNodeRequest(
    request: FastifyRequest,
    context: { clientRequest: ClientRequest; cookies: ClientCookies },
  ): Promise<Response> | Response
}

/** `GET` and `POST /graphql`: the API, and GraphiQL for a browser. */
export function graphqlHandler(server: GraphqlServer, cookies: Cookies) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const response = await server.handleNodeRequest(request, {
      clientRequest: clientRequest(request, cookies),
      cookies: cookies.of(reply),
    })
    noStore(reply).code(response.status)
    for (const [name, value] of response.headers) reply.header(name, value)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
    if (!isStream) return reply.send(await response.text())
    // A connection that stayed open after its stream has ended would keep a closing gateway waiting.
    reply.header('connection', 'close')
    // nginx would otherwise keep events back until its buffer is full.
    reply.header('x-accel-buffering', 'no')
    // Yoga's body is a Node stream as well as a web one. Fastify destroys it when the client goes, which ends the subscription.
    return reply.send(response.body)
  }
}
