import { createHash } from 'node:crypto'
import { SECOND } from '../platform/clock.ts'
import { newSecret } from '../platform/random.ts'
import type { EphemeralStore } from '../store/ephemeral/ephemeral-store.ts'
import type { Sealer } from '../store/sealing/sealer.ts'
import type { ClientBinding } from './client-binding.ts'
import type { FlowPurpose } from './pending-flow.ts'

/** What an exchange token stands for: a session that awaits its exchange, and who may have it. */
export type PendingExchange = { sessionId: string; purpose: FlowPurpose; binding: ClientBinding }

/** How long the frontend has to exchange. */
export const EXCHANGE_TOKEN_TTL = 60 * SECOND

type Stores = { ephemeral: Pick<EphemeralStore, 'set' | 'take'>; sealer: Sealer }

/** Makes a one-time exchange token. Only its hash is kept, and what it stands for is sealed, so that nobody forges one. */
export async function issueExchangeToken({ ephemeral, sealer }: Stores, exchange: PendingExchange): Promise<string> {
  const token = newSecret()
  const key = keyOf(token)
  await ephemeral.set(key, await sealer.seal(exchange, key), { ttlMs: EXCHANGE_TOKEN_TTL })
  return token
}

/** What the token stands for, once; null when it is unknown, expired, or was used. */
export async function takeExchangeToken({ ephemeral, sealer }: Stores, token: string): Promise<PendingExchange | null> {
  const key = keyOf(token)
  const sealed = await ephemeral.take(key)
  return sealed === null ? null : ((await sealer.open(sealed, key)) as PendingExchange)
}

function keyOf(token: string): string {
  return `exchange:${createHash('sha256').update(token).digest('base64url')}`
}
