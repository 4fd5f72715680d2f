import { unlinkAccount } from '../sessions/unlink.ts'
import { builder } from './builder.ts'
import { actingViewer } from './context.ts'

const UnlinkAccountInput = builder.inputType('UnlinkAccountInput', {
  description: 'Which account to sign out.',
  fields: (t) => ({
    did: t.id({ required: true, description: 'One of currentUser.linkedAccounts, but not the active one.' }),
  }),
})

const UnlinkAccountPayload = builder.objectRef<{ unlinkedDid: string }>('UnlinkAccountPayload').implement({
  description: 'The account that was signed out.',
  fields: (t) => ({ unlinkedDid: t.exposeID('unlinkedDid', { description: 'Its DID.' }) }),
})

builder.mutationField('unlinkAccount', (t) =>
  t.field({
    type: UnlinkAccountPayload,
    description: 'Sign out another account of the session group. The active one stays signed in.',

    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnlinkAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const viewer = await actingViewer(context)
      await unlinkAccount(context.gateway, { viewer, did: input.did, client: context.clientRequest.client })
      return { unlinkedDid: input.did }
    },
  }),
)
