import fastify from 'fastify'
import { createIdentityVerifier, type Identity, tokenOf } from './verify-identity.ts'

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null
  }
}

/** A service that knows who calls it. */
export function createService(options: { gateway: string; audience: string }) {
  const verify = createIdentityVerifier(options)
  const service = fastify()
  service.decorateRequest('identity', null)
  service.addHook('onRequest', async (request, reply) => {
    const token = tokenOf((name) => request.headers[name] as string | undefined)
    request.identity = await verify(token).catch(() => null)
    if (request.identity === null) return reply.code(401).send({ error: 'UNAUTHENTICATED' })
  })
  service.get('/whoami', async ({ identity }) => identity)
  return service
}
