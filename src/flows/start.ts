import { pushAuthorizationRequest } from '../atproto/authorization.ts'
import { formatScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import type { ClientBinding } from './client-binding.ts'
import type { FlowDefinition } from './flow-definition.ts'
import { PENDING_FLOW_TTL, savePendingFlow } from './pending-flow.ts'
import { resolveReturnTo } from './return-to.ts'

/** Where to send the user, and until when that works. */
export type StartedFlow = { authUrl: string; expiresAt: Date }

/** How a flow ends: where it returns to, and who may finish it. */
export type FlowReturn = { returnTo: string | null; binding: ClientBinding }

/**
 * Starts a flow: pushes the authorization request and remembers the flow.
 * @throws GatewayError BAD_USER_INPUT, PDS_UNAVAILABLE, SERVICE_UNAVAILABLE, and what the kind of flow throws
 */
export async function startFlow<Request>(
  gateway: Gateway,
  definition: FlowDefinition<Request>,
  { returnTo, binding, request }: FlowReturn & { request: Request },
): Promise<StartedFlow> {
  const { kind, prompt } = definition
  // First, before anything is looked up for a flow that could not return.
  const absoluteReturnTo = resolveReturnTo({ returnTo, config: gateway.config, binding })
  const { input, scopes, account, purpose } = await definition.start(gateway, request)
  // An outage is noticed before the account's authorization server is asked.
  await gateway.stores.ephemeral.ping()
  const expiresAt = new Date(gateway.runtime.clock() + PENDING_FLOW_TTL)
  const pushed = await pushAuthorizationRequest(gateway.atproto.clients, { input, scope: formatScope(scopes), prompt })
  const pending = { kind, purpose, binding, returnTo: absoluteReturnTo, account, scopes, request: pushed.request }
  await savePendingFlow(gateway, pending)
  return { authUrl: pushed.authUrl, expiresAt }
}
