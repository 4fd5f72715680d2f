import type { PrismaClient } from '../../src/store/sql/generated/client.ts'

/** How many rows each table has: what a refused flow must leave as it was. */
export async function countRows(db: PrismaClient) {
  const [accounts, groups, sessions, tokens, grants] = await Promise.all([
    db.account.count(),
    db.sessionGroup.count(),
    db.session.count(),
    db.clientToken.count(),
    db.grant.count(),
  ])
  return { accounts, groups, sessions, tokens, grants }
}

/**
 * Waits until `condition` holds; for what happens in the background. It is asked once more when the time is up, so that how
 * long asking takes does not count.
 */
export async function eventually(
  condition: () => Promise<boolean>,
  what: string | (() => string),
  ms = 30_000,
): Promise<void> {
  const deadline = Date.now() + ms
  for (;;) {
    const askedAt = Date.now()
    if (await condition()) return
    if (askedAt > deadline) throw new Error(`not within ${ms} ms: ${typeof what === 'string' ? what : what()}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
