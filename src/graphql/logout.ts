import { logout, logoutAll, logoutTo } from '../sessions/sign-out.ts'
import type { ViewerSession } from '../sessions/viewer.ts'
import { builder } from './builder.ts'
import { actingViewer } from './context.ts'
import { deliverToken } from './deliver-token.ts'
import { LinkedAccount } from './linked-account.ts'

const LogoutInput = builder.inputType('LogoutInput', {
  description: 'How to continue after signing out.',
  fields: (t) => ({
    switchTo: t.id({ required: false, description: 'The DID of the account of the session group to continue as.' }),
  }),
})

type Logout = { switchedTo: ViewerSession | null; sessionToken: string | null }

const LogoutPayload = builder.objectRef<Logout>('LogoutPayload').implement({
  description: 'The account that the client continues as.',
  fields: (t) => ({
    switchedTo: t.field({
      type: LinkedAccount,
      nullable: true,
      description: 'The account that the client continues as, if switchTo was given.',
      resolve: (payload) => payload.switchedTo,
    }),
    sessionToken: t.exposeString('sessionToken', { nullable: true, description: 'As in ExchangeTokenPayload.' }),
  }),
})

builder.mutationField('logout', (t) =>
  t.field({
    type: LogoutPayload,
    description:
      'End the current session and continue as the account in switchTo. Without switchTo, sign out the whole group.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: LogoutInput, required: false }) },
    resolve: async (_root, { input }, context) => {
      const { gateway, clientRequest, cookies } = context
      const viewer = await actingViewer(context)
      const request = { viewer, client: clientRequest.client }
      if (input?.switchTo != null) {
        const token = await logoutTo(gateway, { ...request, switchTo: input.switchTo })
        const { session, sessionToken } = await deliverToken(context, token, viewer.via)
        return { switchedTo: session, sessionToken }
      }
      await logout(gateway, request)
      if (viewer.via === 'cookie') cookies.clearSession()
      return { switchedTo: null, sessionToken: null }
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
    authScopes: { signedIn: true },
    resolve: async (_root, _args, context) => {
      const viewer = await actingViewer(context)
      const loggedOutCount = await logoutAll(context.gateway, { viewer, client: context.clientRequest.client })
      if (viewer.via === 'cookie') context.cookies.clearSession()
      return { loggedOutCount }
    },
  }),
)
