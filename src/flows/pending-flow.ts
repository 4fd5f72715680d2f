import { z } from 'zod'
import { type AuthorizationRequest, authorizationRequestSchema } from '../atproto/push/authorization-request.ts'
import type { Gateway } from '../gateway.ts'
import { type ClientBinding, clientBindingSchema } from './client-binding.ts'
import { resumeFlow } from './flow.ts'
import { type Flow, type FlowKind, flowKindSchema } from './flow-definition.ts'
import { PENDING_FLOW_TTL } from './flow-lifetime.ts'
import { entryKey, forgetEntry, readEntry, storeEntry } from './stored-entry.ts'

/** What is remembered between the redirect to the authorization server and the callback. */
export type PendingFlow = {
  flow: Flow
  binding: ClientBinding
  /** Absolute URL, checked when the flow began. */
  returnTo: string
  /** The DID of the account that is meant; null where the user chooses it at the server. */
  account: string | null
  /** What was asked for and must be granted. */
  scopes: readonly string[]
  /** What was asked for and may be missing. */
  optionalScopes: readonly string[]
  /** Whether at least one of the optional scopes must be granted. */
  needsOptional: boolean
  /** Holds the PKCE verifier and the DPoP key. */
  request: AuthorizationRequest
}

const stored = z.object({
  kind: flowKindSchema,
  purpose: z.unknown(),
  binding: clientBindingSchema,
  returnTo: z.url(),
  account: z.string().nullable(),
  scopes: z.array(z.string()),
  // Absent from flows that a replica of an older release has begun.
  optionalScopes: z.array(z.string()).default([]),
  needsOptional: z.boolean().default(false),
  request: authorizationRequestSchema,
})

/** Remembers a flow until its callback. */
export async function savePendingFlow(
  gateway: Pick<Gateway, 'stores'>,
  pending: Omit<PendingFlow, 'flow'> & { kind: FlowKind; purpose: unknown },
): Promise<void> {
  const key = entryKey('flow', pending.request.state)
  await storeEntry(gateway, { key, value: pending, ttlMs: PENDING_FLOW_TTL })
}

/**
 * Reads the flow whose authorization request had this `state`; null when there is none, it has expired, or it was
 * forgotten.
 */
export async function readPendingFlow(
  gateway: Pick<Gateway, 'stores' | 'runtime'>,
  state: string,
): Promise<PendingFlow | null> {
  return readEntry(gateway, {
    key: entryKey('flow', state),
    read(value) {
      const { kind, purpose, ...rest } = stored.parse(value)
      return { flow: resumeFlow(kind, purpose), ...rest }
    },
  })
}

/** Forgets a flow that is finished or refused. Never rejects. */
export async function forgetPendingFlow(
  gateway: Pick<Gateway, 'stores' | 'runtime'>,
  { request }: PendingFlow,
): Promise<void> {
  await forgetEntry(gateway, entryKey('flow', request.state))
}
