import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OAuthClients } from '../atproto/client.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Seconds for which authorization servers may keep an answer; a rotated key is known everywhere after that. */
const MAX_AGE = 300

/** `GET /oauth-client-metadata.json`: what authorization servers read of this client. */
export function clientMetadataHandler({ clientMetadata }: OAuthClients): Handler {
  return (_request, reply) => reply.header('cache-control', `public, max-age=${MAX_AGE}`).send(clientMetadata)
}

/** `GET /.well-known/jwks.json`: the public keys of the confidential client (RFC 7517 §5). */
export function jwksHandler({ jwks }: OAuthClients): Handler {
  return (_request, reply) => reply.header('cache-control', `public, max-age=${MAX_AGE}`).send(jwks)
}
