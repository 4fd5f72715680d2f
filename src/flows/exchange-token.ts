import { z } from 'zod'
import type { Gateway } from '../gateway.ts'
import { SECOND } from '../platform/clock.ts'
import { newSecret } from '../platform/random.ts'
import { type ClientBinding, clientBindingSchema } from './client-binding.ts'
import { resumeFlow } from './flow.ts'
import { type Flow, flowKindSchema } from './flow-definition.ts'
import { entryKey, forgetEntry, readEntry, storeEntry } from './stored-entry.ts'

/** What an exchange token stands for: a session that awaits its exchange, and who may have it. */
export type PendingExchange = { sessionId: string; flow: Flow; binding: ClientBinding }

/** How long the frontend has to exchange. */
export const EXCHANGE_TOKEN_TTL = 60 * SECOND

const stored = z.object({
  sessionId: z.string(),
  kind: flowKindSchema,
  purpose: z.unknown(),
  binding: clientBindingSchema,
})

/** Makes a one-time exchange token. */
export async function issueExchangeToken(
  gateway: Pick<Gateway, 'stores'>,
  { sessionId, flow: { kind, purpose }, binding }: PendingExchange,
): Promise<string> {
  const token = newSecret()
  const key = entryKey('exchange', token)
  await storeEntry(gateway, { key, value: { sessionId, kind, purpose, binding }, ttlMs: EXCHANGE_TOKEN_TTL })
  return token
}

/** Reads what the token stands for; null when the token is unknown, expired, or forgotten. */
export async function readExchangeToken(
  gateway: Pick<Gateway, 'stores' | 'runtime'>,
  token: string,
): Promise<PendingExchange | null> {
  return readEntry(gateway, {
    key: entryKey('exchange', token),
    read(value) {
      const { sessionId, kind, purpose, binding } = stored.parse(value)
      return { sessionId, flow: resumeFlow(kind, purpose), binding }
    },
  })
}

/** Forgets a token that was exchanged or refused. Never rejects. */
export async function forgetExchangeToken(gateway: Pick<Gateway, 'stores' | 'runtime'>, token: string): Promise<void> {
  await forgetEntry(gateway, entryKey('exchange', token))
}
