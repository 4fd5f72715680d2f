import type { Fetch } from '@atproto/oauth-client-node'
import { safeFetchWrap } from '@atproto-labs/fetch-node'

const TIMEOUT = 10_000
const MAX_RESPONSE_BYTES = 512 * 1024

/**
 * The fetch for every address that comes from users or their DID documents: https only, no private, loopback or
 * link-local address, checked again after the name is resolved, so that DNS rebinding does not help. Bounded in time
 * and size; tests set bounds of their own. With `allowInsecure` (the sandbox, whose PDS is on http://localhost) the
 * address is not checked.
 */
export function createSafeFetch({
  allowInsecure,
  timeoutMs = TIMEOUT,
  maxResponseBytes = MAX_RESPONSE_BYTES,
}: {
  allowInsecure: boolean
  timeoutMs?: number
  maxResponseBytes?: number
}): Fetch {
  return safeFetchWrap({
    ssrfProtection: !allowInsecure,
    allowCustomPort: true,
    // The OAuth client sets `redirect` on the Request objects that it builds, where this check cannot see it.
    allowImplicitRedirect: true,
    timeout: timeoutMs,
    responseMaxSize: maxResponseBytes,
  })
}
