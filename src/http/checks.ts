import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'

/** What happens at the beginning of a request. It may refuse the request, by an error, and answers nothing itself. */
export type Check = (request: FastifyRequest, reply: FastifyReply) => void

/** One hook of several checks, in their order. A hook each, and a promise each, would take longer than the checks do. */
export function inOrder(...checks: readonly Check[]): onRequestHookHandler {
  return (request, reply, done) => {
    try {
      for (const check of checks) check(request, reply)
    } catch (error) {
      return done(error as Error)
    }
    done()
  }
}
