import type { FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { GRAPHIQL_PAGE } from './portal-build.ts'
import { respondNotFound } from './respond.ts'
import { ANSWERS_GRAPHIQL } from './security-headers.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** `GET /graphql`: GraphiQL for a browser that asks for a page, where it is on, and the API for everything else. */
export function graphiqlRoute(isOn: boolean, api: Handler): { options: RouteShorthandOptions; handler: Handler } {
  return {
    // Its page has inline scripts, which are allowed only where it is served.
    options: isOn ? ANSWERS_GRAPHIQL : {},
    async handler(request, reply) {
      if (!request.headers.accept?.includes('text/html')) return api(request, reply)
      if (isOn) return reply.sendFile(GRAPHIQL_PAGE)
      respondNotFound(request, reply)
      return reply
    },
  }
}
