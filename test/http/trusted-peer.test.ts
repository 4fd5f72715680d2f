import type { FastifyRequest } from 'fastify'
import { expect, it } from 'vitest'
import { createTrustedPeer } from '../../src/http/trusted-peer.ts'

const from = (remoteAddress: string | undefined) => ({ socket: { remoteAddress } }) as FastifyRequest

it.each([
  [true, '203.0.113.7', true],
  [false, '127.0.0.1', false],
  [['127.0.0.1'], '127.0.0.1', true],
  [['127.0.0.1'], '::ffff:127.0.0.1', true],
  [['127.0.0.1'], '127.0.0.2', false],
  [['10.0.0.0/8', 'fd00::/8'], '10.200.3.4', true],
  [['10.0.0.0/8', 'fd00::/8'], 'fd12::1', true],
  [['10.0.0.0/8', 'fd00::/8'], '11.0.0.1', false],
  [['10.0.0.0/8', 'fd00::/8'], '2001:db8::1', false],
  [['::1'], '::1', true],
  [['127.0.0.1'], undefined, false],
  [['127.0.0.1'], '', false],
])('TRUST_PROXY %j and the peer %s: %s', (trustProxy, address, isTrusted) => {
  expect(createTrustedPeer({ trustProxy })(from(address))).toBe(isTrusted)
})
