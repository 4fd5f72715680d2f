import type { AccountSession } from '../sessions/client.ts'
import { switchAccount } from '../sessions/switch.ts'
import { builder } from './builder.ts'
import { requireClient } from './context.ts'
import { LinkedAccount } from './linked-account.ts'
import { Session } from './sessions.ts'

const SwitchAccountInput = builder.inputType('SwitchAccountInput', {
  description: 'Which account to continue as.',
  fields: (t) => ({ targetDid: t.id({ required: true, description: 'One of linkedAccounts.' }) }),
})

const SwitchAccountPayload = builder.objectRef<AccountSession>('SwitchAccountPayload').implement({
  description: 'The account that the client continues as.',
  fields: (t) => ({
    account: t.field({
      type: LinkedAccount,
      description: 'The account that is active now.',
      resolve: (session) => ({ session, isActive: true }),
    }),
    session: t.field({ type: Session, description: 'Its session.', resolve: (session) => session }),
    sessionToken: t.string({
      nullable: true,
      description: 'Always null: the token that the client holds goes on unchanged.',
      resolve: () => null,
    }),
  }),
})

builder.mutationField('switchAccount', (t) =>
  t.field({
    type: SwitchAccountPayload,
    description:
      'Make another account of the session group the active one. Switching to the active one succeeds and changes nothing.',
    authScopes: { client: true },
    args: { input: t.arg({ type: SwitchAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const client = await requireClient(context)
      const { client: from } = context.clientRequest
      const session = await switchAccount(context.gateway, { client, targetDid: input.targetDid, from })
      context.forgetCaller()
      return session
    },
  }),
)
