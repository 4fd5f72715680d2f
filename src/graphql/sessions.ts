import { isRecentlyAuthenticated } from '../sessions/forget-account.ts'
import { MAX_LISTED, signedInSessions } from '../sessions/list.ts'
import { revokeSession } from '../sessions/revoke.ts'
import { builder } from './builder.ts'
import { requireAccount } from './context.ts'

const SessionKind = builder.enumType('SessionKind', {
  description: 'How a client holds its session.',
  values: {
    BROWSER: { description: 'An HttpOnly cookie.' },
    SDK: { description: 'A bearer token that the client keeps itself.' },
    DEVELOPER_TOKEN: { description: 'A named, long-lived bearer token.' },
  } as const,
})

const ReauthenticationReason = builder.enumType('ReauthenticationReason', {
  description: 'Why an account has to sign in again.',
  values: {
    MOVED: { description: 'It lives on another PDS now, which has granted nothing yet.' },
    DEACTIVATED: { description: 'Its PDS serves it no more: it was deactivated, suspended or taken down.' },
    REFUSED: { description: 'The grant has ended, or was revoked at the PDS.' },
  } as const,
})

/** A place where an account is signed in. */
export const Session = builder.prismaObject('Session', {
  description: 'A place where the account is signed in.',
  include: { grant: { select: { state: true, lostReason: true } } },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Public id; never enough to authenticate.' }),
    kind: t.field({
      type: SessionKind,
      description: 'How the client holds it.',
      resolve: (session) => session.kind,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the account was signed in there.' }),
    authenticatedAt: t.expose('authenticatedAt', {
      type: 'DateTime',
      description: 'When the account last proved at its server who it is. A scope upgrade does not change it.',
    }),
    isRecentlyAuthenticated: t.boolean({
      description: 'Whether that was within the last hour, as forgetAccount requires.',
      resolve: (session, _args, { gateway }) => isRecentlyAuthenticated(session, gateway.runtime.clock()),
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      description: 'Accurate to a few minutes.',
      resolve: (session) => session.lastUsedAt ?? session.createdAt,
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When the session ends, if it is not used before. Use never extends it past its OAuth grant.',
    }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'The User-Agent header of the browser or client that signed in.',
    }),
    isCurrent: t.boolean({
      description: 'Whether it is the session of this request.',
      resolve: async ({ id }, _args, context) => (await context.currentSessionId()) === id,
    }),
    needsReauthentication: t.boolean({
      description: "True when the PDS no longer accepts this session's OAuth grant.",
      resolve: (session) => session.grant.state === 'lost',
    }),
    reauthenticationReason: t.field({
      type: ReauthenticationReason,
      nullable: true,
      description: 'Why the PDS no longer accepts it; null while it does.',
      resolve: ({ grant }) => (grant.state === 'lost' ? reasonOf(grant.lostReason) : null),
    }),
  }),
})

function reasonOf(lostReason: string | null): 'MOVED' | 'DEACTIVATED' | 'REFUSED' {
  switch (lostReason) {
    case 'moved':
      return 'MOVED'
    case 'deactivated':
      return 'DEACTIVATED'
    default:
      return 'REFUSED'
  }
}

builder.queryField('sessions', (t) =>
  t.prismaField({
    type: ['Session'],
    description:
      'Where the signed-in account is signed in (browser and SDK sessions, not developer tokens), newest first.',
    authScopes: { account: true },
    resolve: async (query, _root, _args, context) => {
      const { session } = (await requireAccount(context)).viewer
      const { stores, runtime } = context.gateway
      return stores.db.session.findMany({
        ...query,
        where: signedInSessions(session.did, new Date(runtime.clock())),
        orderBy: { createdAt: 'desc' },
        take: MAX_LISTED,
        relationLoadStrategy: 'join',
      })
    },
  }),
)

const RevokeSessionInput = builder.inputType('RevokeSessionInput', {
  description: 'Which session to end.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of one of sessions, but not of the current one.' }),
  }),
})

const RevokeSessionPayload = builder.objectRef<{ revokedId: string }>('RevokeSessionPayload').implement({
  description: 'The session that was ended.',
  fields: (t) => ({ revokedId: t.exposeID('revokedId', { description: 'Its id.' }) }),
})

builder.mutationField('revokeSession', (t) =>
  t.field({
    type: RevokeSessionPayload,
    description: "Sign one of this account's other sessions out.",
    authScopes: { account: true },
    args: { input: t.arg({ type: RevokeSessionInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const acting = await requireAccount(context)
      await revokeSession(context.gateway, { ...acting, id: input.id, from: context.clientRequest.client })
      return { revokedId: input.id }
    },
  }),
)
