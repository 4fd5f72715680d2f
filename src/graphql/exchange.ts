import { exchange } from '../flows/exchange.ts'
import { builder } from './builder.ts'
import { type Delivered, deliverToken, loadSession } from './deliver-token.ts'
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

const ExchangeTokenPayload = builder.objectRef<Delivered>('ExchangeTokenPayload').implement({
  description: 'The session that the exchange created.',
  fields: (t) => ({
    session: t.field({ type: Session, description: 'The new session.', resolve: ({ session }) => session }),
    sessionToken: t.exposeString('sessionToken', {
      nullable: true,
      description:
        'The bearer token, for clients without cookies and for developer tokens. Null for browsers, which get a cookie.',
    }),
    account: t.field({
      type: LinkedAccount,
      description: 'The account of the session.',
      resolve: ({ session }) => session,
    }),
  }),
})

builder.mutationField('exchangeToken', (t) =>
  t.field({
    type: ExchangeTokenPayload,
    description: 'Trade the one-time exchange token from the callback URL for a session. 60 s, single use.',
    args: { input: t.arg({ type: ExchangeTokenInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const { clientRequest, gateway } = context
      const { sessionId, token, via } = await exchange(gateway, {
        exchangeToken: input.exchangeToken,
        proof: { clientCookie: clientRequest.clientCookie, verifier: input.verifier ?? null },
        sessionCookie: clientRequest.sessionCookie,
        client: clientRequest.client,
      })
      if (token !== null) return deliverToken(context, token, via)
      return { session: await loadSession(context, sessionId), sessionToken: null }
    },
  }),
)
