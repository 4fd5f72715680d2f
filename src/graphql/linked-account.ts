import { builder } from './builder.ts'

/** A session of the group, seen as the account that it is signed in as. */
export const LinkedAccount = builder.prismaObject('Session', {
  variant: 'LinkedAccount',
  description: 'An account in the account switcher.',
  include: { account: true, credential: { select: { state: true } } },
  fields: (t) => ({
    did: t.exposeID('did'),
    handle: t.string({ resolve: ({ account }) => account.handle }),
    displayName: t.string({ nullable: true, resolve: ({ account }) => account.displayName }),
    avatarUrl: t.string({ nullable: true, resolve: ({ account }) => account.avatarUrl }),
    needsReauthentication: t.boolean({
      description: "True when the PDS no longer honours this account's OAuth grant; adding the account again mends it.",
      resolve: ({ credential }) => credential.state === 'revoked',
    }),
    isActive: t.exposeBoolean('isActive', { description: 'Whether the client acts as this account now.' }),
  }),
})
