import { z } from 'zod'
import type { Gateway } from '../../gateway.ts'
import { admitSignIn } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { parseServerUrl } from '../server-url.ts'

/**
 * `account`: a handle or a DID, or the URL of the account's server. `isAskedAgain`: whether the server is to ask for the
 * password, even where it remembers the browser.
 */
export type LoginRequest = { account: string; isAskedAgain?: boolean }

/**
 * Signs an account in, in a new session group.
 * @throws GatewayError from `start`: INVALID_HANDLE, HANDLE_NOT_FOUND, BAD_USER_INPUT, SERVICE_UNAVAILABLE
 */
export const login = defineFlow({
  kind: 'login',
  purpose: z.object({}),
  prompt: null,
  outcome: {},
  welcomesNewcomers: true,
  staysInGroup: false,
  async start(gateway, { account, isAskedAgain = false }: LoginRequest) {
    const found = await findAccountOrServer(gateway, account.trim())
    const scopes = gateway.config.oauth.requiredScopes
    return { ...found, scopes, purpose: {}, ...(isAskedAgain && { prompt: 'login' as const }) }
  },
  starter: () => null,
  session: (_purpose, context) => clientSession(context),
  admit: admitSignIn,
})

/** Someone who forgot their handle may name the server and choose the account there. */
async function findAccountOrServer({ config, atproto }: Gateway, text: string) {
  if (/^https?:\/\//i.test(text)) {
    return { input: parseServerUrl(text, { allowHttp: config.oauth.allowInsecurePds }), account: null }
  }
  const { input, did } = await atproto.identities.find(text)
  return { input, account: did }
}
