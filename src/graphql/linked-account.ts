import { builder } from './builder.ts'

/** A session of the group, presented as its account. */
export const LinkedAccount = builder.prismaObject('Session', {
  variant: 'LinkedAccount',
  description: 'An account in the account switcher.',
  include: { account: true, grant: { select: { state: true } } },
  fields: (t) => ({
    did: t.exposeID('did', { description: 'The DID, which switchAccount takes.' }),
    handle: t.string({
      description: 'The handle at the last completed flow.',
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
      description: "True when the PDS no longer accepts this account's OAuth grant. Add the account again to renew it.",
      resolve: ({ grant }) => grant.state === 'lost',
    }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether the client acts as this account now.' }),
  }),
})
