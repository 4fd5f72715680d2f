import type { Client } from '../sessions/client.ts'
import type { ClientBinding } from './client-binding.ts'
import type { Flow } from './flow-definition.ts'

/**
 * Whether a flow that changes a group is finished by a browser that holds a token of this group: the client cookie
 * alone outlives signing out. A client without cookies proves by its verifier that it began the flow.
 */
export function staysInGroup(
  { flow, binding }: { flow: Pick<Flow, 'staysInGroup' | 'starter'>; binding: ClientBinding },
  shown: Client | null,
): boolean {
  if (!flow.staysInGroup || flow.starter === null || binding.kind === 'challenge') return true
  return shown?.group.id === flow.starter.groupId
}
