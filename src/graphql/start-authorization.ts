import { bindToChallenge, bindToCookie, type ClientBinding, newClientCookie } from '../flows/client-binding.ts'
import { addAccount } from '../flows/kinds/add-account.ts'
import { developerToken } from '../flows/kinds/developer-token.ts'
import { scopeUpgrade } from '../flows/kinds/scope-upgrade.ts'
import { type FlowReturn, type StartedFlow, startFlow } from '../flows/start.ts'
import type { StartSource } from '../flows/start-limit.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Client } from '../sessions/client.ts'
import { builder } from './builder.ts'
import { type Context, requireAccount, requireClient } from './context.ts'

const StartAuthorizationPayload = builder.objectRef<StartedFlow>('StartAuthorizationPayload').implement({
  description: 'A flow that has started.',
  fields: (t) => ({
    authUrl: t.exposeString('authUrl', {
      description: "Where the client sends the user: the authorization server's page.",
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the flow expires.' }),
  }),
})

const RETURN_TO =
  'Where the flow returns to: a path on the frontend or, with an exchangeChallenge, an http URL on 127.0.0.1 or [::1].'
const EXCHANGE_CHALLENGE = 'For clients without cookies: the S256 hash (base64url) of the verifier for exchangeToken.'

const StartAddAccountInput = builder.inputType('StartAddAccountInput', {
  description: 'Which account to link, and where to return to.',
  fields: (t) => ({
    handle: t.string({ required: true, description: 'The handle or DID of the account to add.' }),
    returnTo: t.string({ required: false, description: RETURN_TO }),
    exchangeChallenge: t.string({ required: false, description: EXCHANGE_CHALLENGE }),
  }),
})

builder.mutationField('startAddAccount', (t) =>
  t.field({
    type: StartAuthorizationPayload,
    description: 'Start an authorization (prompt=login) that links another account to this session group.',
    authScopes: { client: true },
    args: { input: t.arg({ type: StartAddAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const client = await requireClient(context)
      const request = { client, handle: input.handle }
      const source = sourceOf(context, client)
      return startFlow(context.gateway, addAccount, { request, source, ...returnOfSession(context, client, input) })
    },
  }),
)

const StartScopeUpgradeInput = builder.inputType('StartScopeUpgradeInput', {
  description: 'Which scopes to add, and where to return to.',
  fields: (t) => ({
    scopes: t.stringList({
      required: true,
      description:
        "Scopes to add; those already granted are kept. Each must be one that the gateway's client metadata declares.",
    }),
    returnTo: t.string({ required: false, description: RETURN_TO }),
    exchangeChallenge: t.string({ required: false, description: EXCHANGE_CHALLENGE }),
  }),
})

builder.mutationField('startScopeUpgrade', (t) =>
  t.field({
    type: StartAuthorizationPayload,
    description: 'Start an authorization that replaces this session by one with more scopes.',
    authScopes: { account: true },
    args: { input: t.arg({ type: StartScopeUpgradeInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const { client, viewer } = await requireAccount(context)
      const request = { client, viewer, scopes: input.scopes }
      const source = sourceOf(context, client)
      return startFlow(context.gateway, scopeUpgrade, { request, source, ...returnOfSession(context, client, input) })
    },
  }),
)

const StartDeveloperTokenInput = builder.inputType('StartDeveloperTokenInput', {
  description: 'What the token is for and how long it lasts, and where to return to.',
  fields: (t) => ({
    name: t.string({ required: false, description: 'A name that tells the tokens apart.' }),
    expiresInDays: t.int({
      required: false,
      description:
        'Default 90, at most 365, unless configured otherwise; never past the OAuth grant. 0 means the longest allowed.',
    }),
    scopes: t.stringList({
      required: false,
      description: 'The scopes of the token, each held by the session. Default: all of them.',
    }),
    returnTo: t.string({ required: false, description: RETURN_TO }),
    exchangeChallenge: t.string({ required: false, description: EXCHANGE_CHALLENGE }),
  }),
})

builder.mutationField('startDeveloperToken', (t) =>
  t.field({
    type: StartAuthorizationPayload,
    description: 'Start an authorization that creates a developer token with an OAuth grant of its own.',
    authScopes: { account: true },
    args: { input: t.arg({ type: StartDeveloperTokenInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const { client, viewer } = await requireAccount(context)
      const { name = null, expiresInDays = null, scopes = null, returnTo = null, exchangeChallenge = null } = input
      const binding = bindingOf(context, client, exchangeChallenge)
      const request = { client, viewer, name, expiresInDays, scopes }
      const source = sourceOf(context, client)
      return startFlow(context.gateway, developerToken, { request, returnTo, binding, source })
    },
  }),
)

function sourceOf({ clientRequest }: Context, { token }: Client): StartSource {
  return { ip: clientRequest.client.ip, tokenId: token.id }
}

type ReturnInput = { returnTo?: string | null | undefined; exchangeChallenge?: string | null | undefined }

/**
 * How a flow returns that makes a session of the client's group. The client holds the new session as it holds its own:
 * a script that could turn a cookie into a token that it can read would be as dangerous as one that reads the cookie.
 */
function returnOfSession(context: Context, client: Client, input: ReturnInput): FlowReturn {
  const { returnTo = null, exchangeChallenge = null } = input
  if (client.token.kind === 'BROWSER' && exchangeChallenge !== null) {
    throw new GatewayError('BAD_USER_INPUT', 'exchangeChallenge is for clients without cookies. Leave it out.')
  }
  return { returnTo, binding: bindingOf(context, client, exchangeChallenge) }
}

/** Binds the flow to the client that starts it: by its challenge, or by the client cookie of its browser. */
function bindingOf({ clientRequest, cookies }: Context, { token }: Client, challenge: string | null): ClientBinding {
  if (challenge !== null) return bindToChallenge(challenge)
  if (token.kind === 'SDK') {
    throw new GatewayError('BAD_USER_INPUT', 'A client without cookies must give an exchangeChallenge.')
  }
  const clientCookie = clientRequest.clientCookie ?? newClientCookie()
  cookies.setClient(clientCookie)
  return bindToCookie(clientCookie)
}
