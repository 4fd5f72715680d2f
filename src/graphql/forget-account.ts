import { forgetAccount } from '../sessions/forget-account.ts'
import { builder } from './builder.ts'
import { requireAccount } from './context.ts'

const ForgetAccountInput = builder.inputType('ForgetAccountInput', {
  description: 'Which account to forget.',
  fields: (t) => ({
    did: t.id({ required: true, description: 'The DID of the account that the request acts as, to be sure.' }),
  }),
})

const ForgetAccountPayload = builder.objectRef<{ forgottenDid: string }>('ForgetAccountPayload').implement({
  description: 'The account that was forgotten.',
  fields: (t) => ({ forgottenDid: t.exposeID('forgottenDid', { description: 'Its DID.' }) }),
})

builder.mutationField('forgetAccount', (t) =>
  t.field({
    type: ForgetAccountPayload,
    description:
      'Delete what the gateway knows of the account that the request acts as, and end its sessions and developer tokens in every client. Other accounts stay signed in. NEEDS_REAUTHENTICATION unless the account signed in within the last hour. This cannot be undone.',
    authScopes: { account: true },
    args: { input: t.arg({ type: ForgetAccountInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const acting = await requireAccount(context)
      const { isSignedOut } = await forgetAccount(context.gateway, { ...acting, did: input.did })
      context.forgetCaller()
      if (isSignedOut && acting.client.token.kind === 'BROWSER') context.cookies.clearSession()
      return { forgottenDid: input.did }
    },
  }),
)
