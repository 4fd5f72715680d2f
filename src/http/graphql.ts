import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClientCookies, ClientRequest } from '../auth/client-request.ts'
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
    if (isStream && response.body !== null) return reply.send(Readable.fromWeb(response.body as ReadableStream))
    return reply.send(await response.text())
  }
}
