import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Logs one line for each completed request. It has the route but not the URL, whose query may hold codes and tokens.
 */
export async function logRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  request.log.info(
    {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      ip: request.ip,
    },
    'request',
  )
}

/** Tells the client the id by which the log has its request. */
export async function sendRequestId(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('x-request-id', request.id)
}
