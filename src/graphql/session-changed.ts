import { sessionChanges } from '../sessions/change-stream.ts'
import { SESSION_CHANGE_KINDS, type SessionChangeKind } from '../sessions/changes.ts'
import { builder } from './builder.ts'
import { requireClient } from './context.ts'

const DESCRIPTIONS: Record<SessionChangeKind, string> = {
  ACCOUNT_ADDED: 'Another account was linked, or an account was signed in again.',
  ACCOUNT_SWITCHED: 'Another account became the active one.',
  ACCOUNT_REMOVED: 'An account that was not the active one was signed out.',
  SCOPES_UPGRADED: 'An account has granted more scopes.',
  NEEDS_REAUTHENTICATION: 'The PDS no longer accepts the OAuth grant of an account.',
  SIGNED_OUT: 'The active account was signed out.',
}

const Kind = builder.enumType('SessionChangeKind', {
  description: 'What happened to the session group.',
  values: Object.fromEntries(SESSION_CHANGE_KINDS.map((kind) => [kind, { description: DESCRIPTIONS[kind] }])) as Record<
    SessionChangeKind,
    { description: string }
  >,
})

const SessionChanged = builder.objectRef<{ kind: SessionChangeKind }>('SessionChanged').implement({
  description: 'A change of the session group. It names no account: query currentUser again.',
  fields: (t) => ({
    kind: t.field({ type: Kind, description: 'What happened.', resolve: ({ kind }) => kind }),
  }),
})

builder.subscriptionField('sessionChanged', (t) =>
  t.field({
    type: SessionChanged,
    description:
      'Reports changes of the session group, for other tabs. It belongs to the token, whichever account is active. Ends with the token, and after an hour: subscribe again.',
    authScopes: { client: true },
    subscribe: async (_root, _args, context) =>
      sessionChanges(context.gateway, await requireClient(context), context.whenGone),
    resolve: (kind) => ({ kind }),
  }),
)
