import type { Gateway } from '../gateway.ts'
import { authenticate } from './authenticate.ts'
import type { ClientRequest } from './client-request.ts'
import { keepAlive } from './keep-alive.ts'
import { type Caller, unauthenticated, type Viewer, viewerOf } from './viewer.ts'

/** What a request's token proves, and the session that the request acts as. */
export type Identity = { caller: Caller; viewer: Viewer }

/**
 * Finds out who a request comes from and as whom it acts, and keeps that session alive.
 * @throws GatewayError UNAUTHENTICATED, ACCOUNT_CHANGED, RATE_LIMITED
 */
export async function identify(gateway: Gateway, request: ClientRequest): Promise<Identity> {
  const caller = await authenticate(gateway, request)
  const viewer = actAs(gateway, caller, request.account)
  if (caller === null || viewer === null) throw unauthenticated(caller)
  return { caller, viewer }
}

/**
 * Decides as whom a request acts, and keeps that session alive in the background; null for nobody.
 * @param named the DID of the account that the request names, or null
 * @throws GatewayError ACCOUNT_CHANGED
 */
export function actAs(gateway: Gateway, caller: Caller | null, named: string | null): Viewer | null {
  const viewer = viewerOf(caller, named)
  if (viewer !== null) keepAlive(gateway, viewer.session)
  return viewer
}
