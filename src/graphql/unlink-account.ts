import { unlinkAccount } from '../sessions/unlink.ts'
import { builder } from './builder.ts'
import { requireAccount } from './context.ts'

const UnlinkAccountInput = builder.inputType('UnlinkAccountInput', {
  description: 'Which account to sign out.',
  fields: (t) => ({
    did: t.id({ required: true, description: 'One of linkedAccounts, but not the one that the request acts as.' }),
  }),
})

const UnlinkAccountPayload = builder.objectRef<{ unlinkedDid: string }>('UnlinkAccountPayload').implement({
  description: 'The account that was signed out.',
  fields: (t) => ({ unlinkedDid: t.exposeID('unlinkedDid', { description: 'Its DID.' }) }),
})

builder.mutationField('unlinkAccount', (t) =>
  t.field({
    type: UnlinkAccountPayload,
    description: 'Sign out another account of the session group. The one that the request acts as stays signed in.',
    authScopes: { account: true },
    args: { input: t.arg({ type: UnlinkAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const acting = await requireAccount(context)
      await unlinkAccount(context.gateway, { ...acting, did: input.did, from: context.clientRequest.client })
      context.forgetCaller()
      return { unlinkedDid: input.did }
    },
  }),
)
