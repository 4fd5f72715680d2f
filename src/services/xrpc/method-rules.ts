import { isValidNsid } from '@atproto/syntax'
import { GatewayError } from '../../platform/errors.ts'

/**
 * Methods that administer a server, and those that hand out or end sessions and tokens of the server itself: an
 * `AtpAgent.login` that succeeded through the gateway would give raw tokens to the page.
 */
const REFUSED = /^com\.atproto\.(?:admin|server)\./i

const ALLOWED = new Set([
  'com.atproto.server.getSession',
  'com.atproto.server.describeServer',
  'com.atproto.server.getServiceAuth',
])

/**
 * Checks the method that a request names (atproto "NSID"). Only what it returns is put into the path to the PDS.
 * @throws GatewayError BAD_USER_INPUT, FORBIDDEN
 */
export function requireReachable(method: string): string {
  if (!isValidNsid(method)) {
    throw new GatewayError(
      'BAD_USER_INPUT',
      'The path must be /xrpc/ and the NSID of a method, such as com.example.get.',
    )
  }
  // Servers may read the path without regard to case, so the pattern has none; what is allowed is allowed as spelt.
  if (REFUSED.test(method) && !ALLOWED.has(method)) {
    throw new GatewayError('FORBIDDEN', `${method} is not available through the gateway.`)
  }
  return method
}
