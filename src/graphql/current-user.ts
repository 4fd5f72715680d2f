import { declaredScopes, parseScope, scopesToAsk } from '../atproto/scope.ts'
import type { Viewer } from '../sessions/viewer.ts'
import { builder } from './builder.ts'
import { DescribedScope, describedScopes } from './described-scope.ts'
import { LinkedAccount, linkedAccounts } from './linked-account.ts'
import { Session } from './sessions.ts'

const CurrentUser = builder.objectRef<Viewer>('CurrentUser').implement({
  description: 'The account that this request acts as.',
  fields: (t) => ({
    did: t.id({
      description: 'The DID, which stays the same when the handle changes.',
      resolve: ({ session }) => session.did,
    }),
    handle: t.string({
      description: 'The handle, looked up once a day; handle.invalid if it does not resolve back to the account.',
      resolve: ({ session }) => session.account.handle,
    }),
    displayName: t.string({
      nullable: true,
      description: 'From the profile record, read once a day.',
      resolve: ({ session }) => session.account.displayName,
    }),
    avatarUrl: t.string({
      nullable: true,
      description: "The profile's picture, on the account's own PDS.",
      resolve: ({ session }) => session.account.avatarUrl,
    }),
    pdsUrl: t.string({ description: 'The PDS of the account.', resolve: ({ session }) => session.account.pdsUrl }),
    linkedAccounts: t.field({
      type: [LinkedAccount],
      description:
        "Every account that this client's token reaches, the active one included, in the order in which they were linked.",
      // A developer token is in no group: it has its own account and no other.
      resolve: ({ session, client }) => (client === null ? [{ session, isActive: true }] : linkedAccounts(client)),
    }),
    session: t.field({
      type: Session,
      description: 'The session of this request.',
      resolve: ({ session }) => session,
    }),
    grantedScopes: t.stringList({
      description: 'OAuth scopes that the authorization server granted to this session.',
      resolve: ({ session }) => parseScope(session.grant.scope),
    }),
    missingScopes: t.stringList({
      description: 'Scopes that the gateway requires and this session lacks. If there are any, call startScopeUpgrade.',
      resolve: ({ session }, _args, { gateway: { config, atproto } }) =>
        scopesToAsk(config.oauth.requiredScopes, parseScope(session.grant.scope), atproto.permissionSets.find),
    }),
    offeredScopes: t.stringList({
      description:
        'Scopes that startScopeUpgrade can add to this session: declared by the gateway and not yet granted.',
      resolve: ({ session }, _args, { gateway: { config, atproto } }) =>
        scopesToAsk(declaredScopes(config), parseScope(session.grant.scope), atproto.permissionSets.find),
    }),
    describedScopes: t.field({
      type: [DescribedScope],
      description:
        'In words: every scope of grantedScopes, missingScopes and offeredScopes, and the permission sets that granted scopes come from, each before what it holds.',
      resolve: ({ session }, _args, { gateway }) => describedScopes(gateway, session),
    }),
  }),
})

builder.queryField('currentUser', (t) =>
  t.field({
    type: CurrentUser,
    nullable: true,
    description:
      'Who is signed in; null for an anonymous request, and when the active account was signed out. Never an error, unless the request names an account (Atgate-Account) that is not signed in here.',
    resolve: (_root, _args, context) => context.viewer(),
  }),
)
