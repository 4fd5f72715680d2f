import { openGrant } from '../../src/atproto/grants/sealed-grant.ts'
import type { Gateway } from '../../src/gateway.ts'
import { aSession, type BuiltSession, type SessionOptions } from './builders.ts'
import { storeGrant } from './stored-grants.ts'
import type { TokenServer } from './token-server.ts'

type Parts = { stores: Pick<Gateway['stores'], 'db' | 'sealer'>; now: number; server: TokenServer }

/** Writes a session as `aSession` does, with a grant that a token server honours. */
export async function aGrantedSession({ stores, now, server }: Parts, options: SessionOptions): Promise<BuiltSession> {
  const { db } = stores
  const { session, token } = await aSession({ db, now }, options)
  const grantId = await storeGrant(stores, server, { did: session.did })
  const granted = await db.session.update({ where: { id: session.id }, data: { grantId } })
  await db.grant.delete({ where: { id: session.grantId } })
  return { session: granted, token }
}

/** Whether a token server honours what is stored for a grant. */
export async function isHonoured({ stores, server }: Omit<Parts, 'now'>, grantId: string): Promise<boolean> {
  const row = await stores.db.grant.findUniqueOrThrow({ where: { id: grantId } })
  return server.honours(await openGrant(stores.sealer, row))
}
