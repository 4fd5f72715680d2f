import { pushAuthorizationRequest } from '../atproto/push/push-authorization-request.ts'
import type { Gateway } from '../gateway.ts'
import type { ClientBinding } from './client-binding.ts'
import type { FlowDefinition } from './flow-definition.ts'
import { PENDING_FLOW_TTL } from './flow-lifetime.ts'
import { savePendingFlow } from './pending-flow.ts'
import { resolveReturnTo } from './return-to.ts'
import { countPush, countStart, type StartSource } from './start-limit.ts'

/** Where to send the user, and until when that works. */
export type StartedFlow = { authUrl: string; expiresAt: Date }

/** How a flow ends: where it returns to, and who may finish it. */
export type FlowReturn = { returnTo: string | null; binding: ClientBinding }

/** What to start, and where that was asked for. */
export type StartRequest<Request> = FlowReturn & { request: Request; source: StartSource }

/**
 * Starts a flow: pushes the authorization request and remembers the flow.
 * @throws GatewayError BAD_USER_INPUT, PDS_UNAVAILABLE, PDS_REFUSED, RATE_LIMITED, SERVICE_UNAVAILABLE, and what the kind of flow
 *   throws
 */
export async function startFlow<Request>(
  gateway: Gateway,
  definition: FlowDefinition<Request>,
  { returnTo, binding, request, source }: StartRequest<Request>,
): Promise<StartedFlow> {
  const { kind } = definition
  await countStart(gateway.runtime, source)
  // Before anything is looked up for a flow that could not return.
  const absoluteReturnTo = resolveReturnTo({ returnTo, config: gateway.config, binding })
  const asked = await definition.start(gateway, request)
  const { input, scopes, account, purpose, prompt = definition.prompt } = asked
  const { optionalScopes = [], needsOptional = false } = asked
  // An outage is noticed before the account's authorization server is asked.
  await gateway.stores.ephemeral.ping()
  const expiresAt = new Date(gateway.runtime.clock() + PENDING_FLOW_TTL)
  const pushed = await pushAuthorizationRequest(
    { ...gateway.atproto, ...gateway.runtime },
    {
      input,
      scopes,
      optionalScopes,
      needsOptional,
      prompt,
      beforePush: (host) => countPush(gateway.runtime, { host, ip: source.ip }),
      isAccountKnown: async () => account === null || gateway.atproto.isAccountKnown(account),
    },
  )
  await savePendingFlow(gateway, {
    kind,
    purpose,
    binding,
    returnTo: absoluteReturnTo,
    account,
    scopes,
    optionalScopes: pushed.optionalScopes,
    needsOptional,
    request: pushed.request,
  })
  return { authUrl: pushed.authUrl, expiresAt }
}
