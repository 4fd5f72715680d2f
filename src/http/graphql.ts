import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ClientCookies, ClientRequest } from '../sessions/client-request.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import type { EventStreams, StreamText } from './event-stream.ts'
import { noStore } from './no-store.ts'

/** The GraphQL API as the HTTP layer uses it. */
export interface GraphqlServer {
  handleNodeRequest(request: FastifyRequest, context: RequestContext): Promise<Response> | Response
  /** Answers an operation that was sent as JSON, or gives null: then it is for `handleNodeRequest`. */
  answerOperation(
    request: { body: unknown; accept: string | undefined },
    context: RequestContext,
  ): Promise<{ status: number; headers: Record<string, string>; text: string } | null>
}

type RequestContext = {
  clientRequest: ClientRequest
  cookies: ClientCookies
  /** Registers what is called when the answer has ended or its client has gone; at once, if that is so already. */
  whenGone(listener: () => void): void
  /** Takes over the results of a subscription. The response has the head of the answer only. */
  sendEvents<R>(results: AsyncIterable<R>, text: StreamText<R>): void
}

/** `GET` and `POST /graphql`: the API. */
export function graphqlHandler(server: GraphqlServer, cookies: Cookies, streams: EventStreams) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    let stream: (() => FastifyReply) | undefined
    const context: RequestContext = {
      clientRequest: clientRequest(request, cookies),
      cookies: cookies.of(reply),
      whenGone: (listener) => whenGone(reply, listener),
      sendEvents: (results, text) => (stream = () => streams.send(reply, results, text)),
    }
    if (request.method === 'POST') {
      const { body, headers } = request
      const answer = await server.answerOperation({ body, accept: headers.accept }, context)
      if (answer !== null) return noStore(reply).code(answer.status).headers(answer.headers).send(answer.text)
    }
    const response = await server.handleNodeRequest(request, context)
    noStore(reply).code(response.status)
    for (const [name, value] of response.headers) reply.header(name, value)
    return stream === undefined ? reply.send(await response.text()) : stream()
  }
}

function whenGone({ raw }: FastifyReply, listener: () => void): void {
  if (raw.closed) listener()
  else raw.on('close', listener)
}
