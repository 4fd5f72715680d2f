import { z } from 'zod'
import type { Config } from '../../config/config.ts'
import { GatewayError } from '../../platform/errors.ts'
import { admitSignIn } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { parseServerUrl } from '../server-url.ts'

/** `pdsUrl`: where the account is created. */
export type CreateAccountRequest = { pdsUrl: string }

/**
 * Creates an account on a PDS and signs it in, in a new session group.
 * @throws GatewayError from `start`: ACCOUNT_CREATION_DISABLED, BAD_USER_INPUT
 */
export const createAccount = defineFlow({
  kind: 'create_account',
  purpose: z.object({}),
  prompt: 'create',
  outcome: {},
  welcomesNewcomers: true,
  staysInGroup: false,
  start({ config }, { pdsUrl }: CreateAccountRequest) {
    return { input: creationServer(config, pdsUrl), scopes: config.oauth.requiredScopes, account: null, purpose: {} }
  },
  starter: () => null,
  session: (_purpose, context) => clientSession(context),
  admit: admitSignIn,
})

function creationServer(config: Config, input: string): string {
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
