import { switchAccount } from '../sessions/switch.ts'
import { builder } from './builder.ts'
import { actingViewer } from './context.ts'
import { type Delivered, deliverToken } from './deliver-token.ts'
import { LinkedAccount } from './linked-account.ts'
import { Session } from './sessions.ts'

const SwitchAccountInput = builder.inputType('SwitchAccountInput', {
  description: 'Which account to continue as.',
  fields: (t) => ({ targetDid: t.id({ required: true, description: 'One of currentUser.linkedAccounts.' }) }),
})

const SwitchAccountPayload = builder.objectRef<Delivered>('SwitchAccountPayload').implement({
  description: 'The account that the client continues as.',
  fields: (t) => ({
    account: t.field({
      type: LinkedAccount,
      description: 'The account that is active now.',
      resolve: ({ session }) => session,
    }),
    session: t.field({ type: Session, description: 'Its session.', resolve: ({ session }) => session }),
    sessionToken: t.exposeString('sessionToken', { nullable: true, description: 'As in ExchangeTokenPayload.' }),
  }),
})

builder.mutationField('switchAccount', (t) =>
  t.field({
    type: SwitchAccountPayload,
    description: 'Make another account of the session group the active one.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SwitchAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const viewer = await actingViewer(context)
      const { client } = context.clientRequest
      const token = await switchAccount(context.gateway, { viewer, targetDid: input.targetDid, client })
      return deliverToken(context, token, viewer.via)
    },
  }),
)
