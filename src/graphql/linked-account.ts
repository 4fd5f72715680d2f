import { builder } from './builder.ts'

/** A session of the group, seen as the account that it is signed in as. */
export const LinkedAccount = builder.prismaObject('Session', {
  variant: 'LinkedAccount',
  description: 'An account in the account switcher.',
  include: { account: true, grant: { select: { state: true } } },
  fields: (t) => ({
    did: t.exposeID('did', { description: 'The DID, by which to switch to it.' }),
    handle: t.string({
      description: 'As it was at the last completed flow.',
      resolve: ({ account }) => account.handle,
    }),
    displayName: t.string({
      nullable: true,
      description: 'From the profile record.',
      resolve: ({ account }) => account.displayName,
    }),
    avatarUrl: t.string({
      nullable: true,
      description: "The profile's picture, on the account's own PDS.",
      resolve: ({ account }) => account.avatarUrl,
    }),
    needsReauthentication: t.boolean({
      description: "True when the PDS no longer honours this account's OAuth grant; adding the account again mends it.",
      resolve: ({ grant }) => grant.state === 'lost',
    }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether the client acts as this account now.' }),
  }),
})
