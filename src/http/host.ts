import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'

/**
 * Refuses a request with two `Host` headers (RFC 9112 §3.2): a proxy may have decided by one of them, and Node.js reads
 * the other.
 * @throws GatewayError BAD_USER_INPUT
 */
export async function refuseSecondHost({ raw }: FastifyRequest): Promise<void> {
  const hosts = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length > 1) throw new GatewayError('BAD_USER_INPUT', 'Send one Host header.')
}
