import type { IncomingMessage } from 'node:http'
import { all, compile } from '@fastify/proxy-addr'
import type { Config } from '../config/config.ts'

/**
 * Finds the address of the client that a request comes from, past the proxies that TRUST_PROXY names: what Fastify has as
 * `request.ip`, for a request that does not come to Fastify.
 */
export function createClientAddress({ trustProxy }: Pick<Config, 'trustProxy'>): (request: IncomingMessage) => string {
  // Undefined once the connection has closed, as Fastify has it.
  if (trustProxy === false) return ({ socket }) => socket.remoteAddress as string
  const trusts = trustProxy === true ? () => true : compile(trustProxy)
  return (request) => all(request, trusts).at(-1) as string
}
