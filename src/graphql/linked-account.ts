import type { AccountSession, Client } from '../sessions/client.ts'
import { builder } from './builder.ts'
import { requireClient } from './context.ts'

/** A session, presented as its account. */
export type LinkedAccountSource = { session: AccountSession; isActive: boolean }

export const LinkedAccount = builder.objectRef<LinkedAccountSource>('LinkedAccount').implement({
  description: 'An account in the account switcher.',
  fields: (t) => ({
    did: t.id({ description: 'The DID, which switchAccount takes.', resolve: ({ session }) => session.did }),
    handle: t.string({
      description: 'The handle, looked up once a day while the account is used.',
      resolve: ({ session }) => session.account.handle,
    }),
    displayName: t.string({
      nullable: true,
      description: 'From the profile record.',
      resolve: ({ session }) => session.account.displayName,
    }),
    avatarUrl: t.string({
      nullable: true,
      description: "The profile's picture, on the account's own PDS.",
      resolve: ({ session }) => session.account.avatarUrl,
    }),
    needsReauthentication: t.boolean({
      description: "True when the PDS no longer accepts this account's OAuth grant. Add the account again to renew it.",
      resolve: ({ session }) => session.grant.state === 'lost',
    }),
    isActive: t.exposeBoolean('isActive', {
      description: 'Whether the client acts as this account where a request names none (Atgate-Account).',
    }),
  }),
})

/** The accounts that a client's token reaches, in the order in which they were linked. */
export function linkedAccounts({ accounts, group }: Client): LinkedAccountSource[] {
  return accounts.map((session) => ({ session, isActive: session.did === group.activeDid }))
}

builder.queryField('linkedAccounts', (t) =>
  t.field({
    type: [LinkedAccount],
    description:
      "Every account that this client's token reaches, also when the active one was signed out. UNAUTHENTICATED for " +
      'anonymous requests.',
    resolve: async (_root, _args, context) => linkedAccounts(await requireClient(context)),
  }),
)
