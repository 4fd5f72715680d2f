import { createHash } from 'node:crypto'
import type { AuthorizationRequest } from '../atproto/authorization.ts'
import { MINUTE } from '../platform/clock.ts'
import type { EphemeralStore } from '../store/ephemeral/ephemeral-store.ts'
import type { Sealer } from '../store/sealing/sealer.ts'
import type { ClientBinding } from './client-binding.ts'
import type { Starter } from './starter.ts'

/** What a flow is for, and who began it. The callback and the exchange decide by it. */
export type FlowPurpose =
  | { kind: 'login' | 'create_account' }
  | { kind: 'add_account' | 'scope_upgrade'; starter: Starter }
  | { kind: 'developer_token'; starter: Starter; name: string | null; days: number }

export type FlowKind = FlowPurpose['kind']

/** What is remembered between the redirect to the authorization server and the callback. */
export type PendingFlow = FlowPurpose & {
  binding: ClientBinding
  /** Absolute URL, checked when the flow began. */
  returnTo: string
  /** What was asked for, all of which must be granted. */
  scopes: readonly string[]
  /** Holds the PKCE verifier and the DPoP key. */
  request: AuthorizationRequest
}

/** How long a person has to come back from the authorization server. */
export const PENDING_FLOW_TTL = 10 * MINUTE

type Stores = { ephemeral: Pick<EphemeralStore, 'set' | 'take'>; sealer: Sealer }

/** Remembers a flow until its callback. Sealed, because it holds what redeems the authorization code. */
export async function savePendingFlow({ ephemeral, sealer }: Stores, flow: PendingFlow): Promise<void> {
  const key = keyOf(flow.request.state)
  await ephemeral.set(key, await sealer.seal(flow, key), { ttlMs: PENDING_FLOW_TTL })
}

/** The flow whose authorization request had this `state`, once; null when there is none, it is over, or it was taken. */
export async function takePendingFlow({ ephemeral, sealer }: Stores, state: string): Promise<PendingFlow | null> {
  const key = keyOf(state)
  const sealed = await ephemeral.take(key)
  return sealed === null ? null : ((await sealer.open(sealed, key)) as PendingFlow)
}

/** Hashed, so that the store's keys tell nobody a `state` that is still good. */
function keyOf(state: string): string {
  return `flow:${createHash('sha256').update(state).digest('base64url')}`
}
