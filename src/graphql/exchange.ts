import { exchange } from '../flows/exchange.ts'
import { type AccountSession, accountIncludes } from '../sessions/client.ts'
import { unauthenticated } from '../sessions/viewer.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { LinkedAccount } from './linked-account.ts'
import { Session } from './sessions.ts'

const ExchangeTokenInput = builder.inputType('ExchangeTokenInput', {
  description: 'The one-time token that a flow returned with.',
  fields: (t) => ({
    exchangeToken: t.string({
      required: true,
      description: 'The exchange_token of the URL that the flow returned to.',
    }),
    verifier: t.string({
      required: false,
      description: 'For flows started with an exchangeChallenge: the verifier whose S256 hash is that challenge.',
    }),
  }),
})

type Payload = { session: AccountSession; isActive: boolean; sessionToken: string | null }

const ExchangeTokenPayload = builder.objectRef<Payload>('ExchangeTokenPayload').implement({
  description: 'The session that the exchange created, as it is once its token was used.',
  fields: (t) => ({
    session: t.field({ type: Session, description: 'The new session.', resolve: ({ session }) => session }),
    sessionToken: t.exposeString('sessionToken', {
      nullable: true,
      description:
        "The bearer token, for clients without cookies and for developer tokens. Null for browsers, which get a cookie, and for scope upgrades, after which the client's token goes on.",
    }),
    account: t.field({
      type: LinkedAccount,
      description: 'The account of the session.',
      resolve: ({ session, isActive }) => ({ session, isActive }),
    }),
  }),
})

builder.mutationField('exchangeToken', (t) =>
  t.field({
    type: ExchangeTokenPayload,
    description:
      'Trade the one-time exchange token from the callback URL for a session. 60 s, single use. What the session replaces ends when its token is used for the first time; later fields of the same document act as before.',
    args: { input: t.arg({ type: ExchangeTokenInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const { clientRequest, gateway } = context
      const { sessionId, token, isActive, kind } = await exchange(gateway, {
        exchangeToken: input.exchangeToken,
        proof: { clientCookie: clientRequest.clientCookie, verifier: input.verifier ?? null },
        shown: (await context.caller())?.client ?? null,
        from: clientRequest.client,
      })
      if (token !== null && kind === 'BROWSER') context.cookies.setSession(token)
      const session = await loadSession(context, sessionId)
      context.describeAsUsed(isActive && kind !== 'DEVELOPER_TOKEN' ? sessionId : null)
      return { session, isActive, sessionToken: kind === 'BROWSER' ? null : token }
    },
  }),
)

/** Loads a session that existed a moment ago. */
async function loadSession({ gateway }: Context, id: string): Promise<AccountSession> {
  const session = await gateway.stores.db.session.findUnique({
    where: { id },
    include: accountIncludes,
    relationLoadStrategy: 'join',
  })
  // Another client ended it meanwhile.
  if (session === null) throw unauthenticated(null)
  return session
}
