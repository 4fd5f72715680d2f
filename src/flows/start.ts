import { pushAuthorizationRequest } from '../atproto/authorization.ts'
import { formatScope } from '../atproto/scope.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseServerUrl, type StartInput } from './account-input.ts'
import type { ClientBinding } from './client-binding.ts'
import { type FlowPurpose, PENDING_FLOW_TTL, savePendingFlow } from './pending-flow.ts'
import { resolveReturnTo } from './return-to.ts'

/** Where to send the user, and until when that works. */
export type StartedFlow = { authUrl: string; expiresAt: Date }

/** How a flow ends: where it returns to, and who may finish it. */
export type FlowReturn = { returnTo: string | null; binding: ClientBinding }

/** What the authorization server is asked. */
export type Authorization = {
  /** A handle, a DID, or the URL of a server. */
  input: string
  scopes: readonly string[]
  prompt?: 'create' | 'login'
}

type Parts = Pick<Gateway, 'config' | 'clock' | 'ephemeral' | 'sealer' | 'clients'>

/**
 * Begins any flow: pushes the authorization request and remembers the flow.
 * @throws GatewayError BAD_USER_INPUT, PDS_UNAVAILABLE, SERVICE_UNAVAILABLE
 */
export async function beginFlow(
  gateway: Parts,
  { purpose, authorization, returnTo, binding }: FlowReturn & { purpose: FlowPurpose; authorization: Authorization },
): Promise<StartedFlow> {
  const absoluteReturnTo = resolveReturnTo({ returnTo, frontendUrl: gateway.config.frontendUrl, binding })
  // An outage is noticed before the user's authorization server is troubled.
  await gateway.ephemeral.ping()
  const expiresAt = new Date(gateway.clock() + PENDING_FLOW_TTL)
  const { scopes, ...asked } = authorization
  const pushed = await pushAuthorizationRequest(gateway.clients, { ...asked, scope: formatScope(scopes) })
  const { authUrl, request } = pushed
  await savePendingFlow(gateway, { ...purpose, binding, returnTo: absoluteReturnTo, scopes, request })
  return { authUrl, expiresAt }
}

/**
 * Begins to sign in, or to create an account.
 * @throws GatewayError as `beginFlow`, and INVALID_HANDLE, HANDLE_NOT_FOUND, ACCOUNT_CREATION_DISABLED
 */
export async function startSignIn(
  gateway: Parts & Pick<Gateway, 'identities'>,
  { input, ...flowReturn }: FlowReturn & { input: StartInput },
): Promise<StartedFlow> {
  // Told at once, before anything is looked up for a flow that could not return.
  resolveReturnTo({ ...flowReturn, frontendUrl: gateway.config.frontendUrl })
  const scopes = gateway.config.oauth.requiredScopes
  const authorization = { ...(await authorizationOf(gateway, input)), scopes }
  return beginFlow(gateway, { ...flowReturn, purpose: { kind: input.kind }, authorization })
}

async function authorizationOf(
  gateway: Pick<Gateway, 'config' | 'identities'>,
  input: StartInput,
): Promise<{ input: string; prompt?: 'create' }> {
  switch (input.kind) {
    case 'login':
      return { input: await findAccountOrServer(gateway, input.account) }
    case 'create_account':
      return { input: creationServer(gateway, input.pdsUrl), prompt: 'create' }
  }
}

/** Someone who forgot their handle may name the server and choose the account there. */
async function findAccountOrServer(
  { config, identities }: Pick<Gateway, 'config' | 'identities'>,
  input: string,
): Promise<string> {
  if (!/^https?:\/\//i.test(input)) return identities.find(input)
  return parseServerUrl(input, { allowHttp: config.oauth.allowInsecurePds })
}

function creationServer({ config }: Pick<Gateway, 'config'>, input: string): string {
  if (!config.accountCreation) {
    throw new GatewayError(
      'ACCOUNT_CREATION_DISABLED',
      'This gateway does not create accounts. Sign in with an account that you have.',
    )
  }
  const pdsUrl = parseServerUrl(input, { allowHttp: config.oauth.allowInsecurePds })
  if (config.accountCreationAnyPds || config.pdsOptions.some((option) => option.url === pdsUrl)) return pdsUrl
  throw new GatewayError(
    'ACCOUNT_CREATION_DISABLED',
    `This gateway does not create accounts on ${pdsUrl}. Choose one of its PDS options.`,
  )
}
