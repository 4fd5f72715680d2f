import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../platform/errors.ts'

/**
 * Refuses a request with two `Host` headers (RFC 9112 §3.2): a proxy may have decided by one of them, and Node.js reads
 * the other.
 * @throws GatewayError BAD_USER_INPUT
 */
export function refuseSecondHost({ raw }: FastifyRequest): void {
  if (hasSecondHost(raw.rawHeaders)) throw new GatewayError('BAD_USER_INPUT', 'Send one Host header.')
}

/** @param rawHeaders as Node.js has them */
export function hasSecondHost(rawHeaders: readonly string[]): boolean {
  let hosts = 0
  // Names and values in turn.
  for (let index = 0; index < rawHeaders.length; index += 2) if (isHost(rawHeaders[index])) hosts++
  return hosts > 1
}

function isHost(name = ''): boolean {
  return name.length === 4 && name.toLowerCase() === 'host'
}
