import type { AccountSession, Client } from '../sessions/client.ts'
import { logout, logoutAll, logoutTo } from '../sessions/sign-out.ts'
import { unauthenticated } from '../sessions/viewer.ts'
import { builder } from './builder.ts'
import { type Context, requireClient } from './context.ts'
import { LinkedAccount } from './linked-account.ts'

const LogoutInput = builder.inputType('LogoutInput', {
  description: 'How to continue after signing out.',
  fields: (t) => ({
    switchTo: t.id({ required: false, description: 'The DID of the account of the session group to continue as.' }),
  }),
})

const LogoutPayload = builder.objectRef<{ switchedTo: AccountSession | null }>('LogoutPayload').implement({
  description: 'The account that the client continues as.',
  fields: (t) => ({
    switchedTo: t.field({
      type: LinkedAccount,
      nullable: true,
      description: 'The account that the client continues as, if switchTo was given.',
      resolve: ({ switchedTo }) => switchedTo && { session: switchedTo, isActive: true },
    }),
    sessionToken: t.string({
      nullable: true,
      description: 'Always null: the token that the client holds goes on unchanged, or has ended.',
      resolve: () => null,
    }),
  }),
})

builder.mutationField('logout', (t) =>
  t.field({
    type: LogoutPayload,
    description:
      'End the current session and continue as the account in switchTo. Without switchTo, sign out the whole group.',
    args: { input: t.arg({ type: LogoutInput, required: false }) },
    resolve: async (_root, { input }, context) => {
      const { client: from } = context.clientRequest
      if (input?.switchTo != null) {
        const client = await requireClient(context)
        const viewer = await context.viewer()
        const switchedTo = await logoutTo(context.gateway, { client, viewer, switchTo: input.switchTo, from })
        context.forgetCaller()
        return { switchedTo }
      }
      const caller = await context.caller()
      if (caller === null) throw unauthenticated(null)
      await logout(context.gateway, { caller, from })
      signedOut(context, caller.client)
      return { switchedTo: null }
    },
  }),
)

const LogoutAllPayload = builder.objectRef<{ loggedOutCount: number }>('LogoutAllPayload').implement({
  description: 'How much ended.',
  fields: (t) => ({
    loggedOutCount: t.exposeInt('loggedOutCount', { description: 'How many accounts were signed out.' }),
  }),
})

builder.mutationField('logoutAll', (t) =>
  t.field({
    type: LogoutAllPayload,
    description: 'End every session of the session group.',
    authScopes: { client: true },
    resolve: async (_root, _args, context) => {
      const client = await requireClient(context)
      const loggedOutCount = await logoutAll(context.gateway, { client, from: context.clientRequest.client })
      signedOut(context, client)
      return { loggedOutCount }
    },
  }),
)

/** A cookie beside a bearer token belongs to another client. */
function signedOut(context: Context, client: Client | null): void {
  context.forgetCaller()
  if (client?.token.kind === 'BROWSER') context.cookies.clearSession()
}
