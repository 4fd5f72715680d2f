import { z } from 'zod'
import type { Gateway } from '../gateway.ts'
import { SECOND } from '../platform/clock.ts'
import { newSecret } from '../platform/random.ts'
import { type ClientBinding, clientBindingSchema } from './client-binding.ts'
import { resumeFlow } from './flow.ts'
import { type Flow, flowKindSchema } from './flow-definition.ts'
import { oneTimeKey, storeOnce, takeOnce } from './sealed-once.ts'

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
  const key = oneTimeKey('exchange', token)
  await storeOnce(gateway, { key, value: { sessionId, kind, purpose, binding }, ttlMs: EXCHANGE_TOKEN_TTL })
  return token
}

/** Takes what the token stands for, once; null when the token is unknown, expired, or used. */
export async function takeExchangeToken(
  gateway: Pick<Gateway, 'stores' | 'runtime'>,
  token: string,
): Promise<PendingExchange | null> {
  return takeOnce(gateway, {
    key: oneTimeKey('exchange', token),
    read(value) {
      const { sessionId, kind, purpose, binding } = stored.parse(value)
      return { sessionId, flow: resumeFlow(kind, purpose), binding }
    },
  })
}
