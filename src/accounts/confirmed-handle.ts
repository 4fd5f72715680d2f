import type { Account } from '../store/sql/generated/client.ts'

/** What atproto says in place of a handle that does not lead back to its account (atproto handle specification). */
const INVALID = 'handle.invalid'

/**
 * The handle of an account, for services; empty where it has none that leads back to it. Such accounts would otherwise
 * all have the same name.
 */
export function confirmedHandle({ handle }: Pick<Account, 'handle'>): string {
  return handle === INVALID ? '' : handle
}
