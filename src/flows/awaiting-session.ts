import type { Grant } from '../atproto/authorization.ts'
import type { Gateway } from '../gateway.ts'
import { newId } from '../platform/random.ts'
import { sessionExpiry } from '../sessions/lifetime.ts'
import type { Prisma, Session } from '../store/sql/generated/client.ts'
import type { PendingFlow } from './pending-flow.ts'

type NewSession = { grant: Grant; flow: PendingFlow; userAgent: string | null }

/** Writes a new grant and the session for it, awaiting exchange: it has no secret and is in no group yet. */
export async function createAwaitingSession(
  tx: Prisma.TransactionClient,
  { clock, config, credentials }: Pick<Gateway, 'clock' | 'config' | 'credentials'>,
  { grant, flow, userAgent }: NewSession,
): Promise<Session> {
  const credential = await tx.credential.create({ data: await credentials.rowOf(newId(), grant) })
  const now = clock()
  const days = flow.kind === 'developer_token' ? flow.days : config.sessionDays
  return tx.session.create({
    data: {
      id: newId(),
      kind: kindOf(flow),
      name: flow.kind === 'developer_token' ? flow.name : null,
      did: credential.did,
      credentialId: credential.id,
      userAgent,
      createdAt: new Date(now),
      linkedAt: new Date(now),
      expiresAt: sessionExpiry(now, days, credential.expiresAt),
    },
  })
}

function kindOf(flow: PendingFlow): Session['kind'] {
  if (flow.kind === 'developer_token') return 'DEVELOPER_TOKEN'
  return flow.binding.kind === 'cookie' ? 'BROWSER' : 'SDK'
}
