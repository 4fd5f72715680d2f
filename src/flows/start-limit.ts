import type { Gateway } from '../gateway.ts'
import { addressKey } from '../platform/address.ts'

/** Where a start comes from. */
export type StartSource = {
  ip: string | null
  /** The session from which it is begun, if any. */
  tokenId: string | null
}

/**
 * Counts a start, before anything is looked up for it: each asks servers of the caller's choice.
 * @throws GatewayError RATE_LIMITED
 */
export async function countStart(
  { limits }: Pick<Gateway['runtime'], 'limits'>,
  { ip, tokenId }: StartSource,
): Promise<void> {
  await limits.starts.consume(addressKey(ip))
  if (tokenId !== null) await limits.sessionStarts.consume(tokenId)
}

/**
 * Counts an authorization request before it is pushed to `host`. Those that one address repeats have a part of what the
 * server takes, so that a few addresses cannot keep everyone else from signing in there.
 * @throws GatewayError RATE_LIMITED
 */
export async function countPush(
  { limits }: Pick<Gateway['runtime'], 'limits'>,
  { host, ip }: { host: string; ip: string | null },
): Promise<void> {
  const isRepeated = !(await limits.firstPushes.tryConsume(`${addressKey(ip)} ${host}`))
  if (isRepeated) await limits.repeatedPushes.consume(host)
  await limits.pushes.consume(host)
}
