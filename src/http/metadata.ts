import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OAuthClients } from '../atproto/client.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Seconds for which authorization servers may cache a response. After that they know a rotated key. */
const MAX_AGE = 300

/** `GET /oauth-client-metadata.json`: how authorization servers learn about this client. */
export function clientMetadataHandler({ clientMetadata }: OAuthClients): Handler {
  return (_request, reply) => reply.header('cache-control', `public, max-age=${MAX_AGE}`).send(clientMetadata)
}

/** `GET /.well-known/jwks.json`: the public keys of the confidential client (RFC 7517 §5). */
export function jwksHandler({ jwks }: OAuthClients): Handler {
  return (_request, reply) => reply.header('cache-control', `public, max-age=${MAX_AGE}`).send(jwks)
}
