import type { GrantChange } from '../atproto/grants/grant-change.ts'
import type { Gateway } from '../gateway.ts'
import { announce } from './changes.ts'

type Parts = {
  stores: Pick<Gateway['stores'], 'db' | 'ephemeral'>
  runtime: Pick<Gateway['runtime'], 'logger'>
}

/** Tells the clients of a grant's session when the grant is lost. Returns at once and never throws. */
export function tellOfGrant(parts: Parts, { id, state }: GrantChange): void {
  if (state !== 'lost') return
  tellOfLoss(parts, id).catch((error: unknown) =>
    parts.runtime.logger.warn({ err: error, grantId: id }, 'loss of a grant not announced'),
  )
}

async function tellOfLoss(parts: Parts, grantId: string): Promise<void> {
  const session = await parts.stores.db.session.findUnique({ where: { grantId }, select: { groupId: true } })
  if (session !== null && session.groupId !== null) {
    announce(parts, { groupId: session.groupId, kind: 'NEEDS_REAUTHENTICATION' })
  }
}
