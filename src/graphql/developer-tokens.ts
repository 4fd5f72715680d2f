import { parseScope } from '../atproto/scope.ts'
import { developerTokensOf, MAX_LISTED } from '../sessions/list.ts'
import { PREFIX_LENGTH, revokeDeveloperToken } from '../sessions/revoke-developer-token.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'

const DeveloperToken = builder.prismaObject('Session', {
  variant: 'DeveloperToken',
  description: 'A long-lived bearer token with an OAuth grant of its own. Its secret is shown once, by exchangeToken.',
  include: { grant: { select: { scope: true, state: true } } },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Public id; never enough to authenticate.' }),
    prefix: t.string({
      description: 'First 8 characters of the id, for display.',
      resolve: ({ id }) => id.slice(0, PREFIX_LENGTH),
    }),
    name: t.exposeString('name', { nullable: true, description: 'The name given at its creation.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Accurate to a few minutes; null until it is used.',
      resolve: ({ lastUsedAt }) => lastUsedAt,
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When it ends, which is never after its OAuth grant. It does not slide.',
    }),
    grantedScopes: t.stringList({
      description: 'OAuth scopes that the authorization server granted to this token.',
      resolve: ({ grant }) => parseScope(grant.scope),
    }),
    needsReauthentication: t.boolean({
      description: "True when the PDS no longer accepts this token's OAuth grant. Create another token then.",
      resolve: ({ grant }) => grant.state === 'lost',
    }),
  }),
})

builder.queryField('developerTokens', (t) =>
  t.prismaField({
    type: [DeveloperToken],
    description:
      "The signed-in account's developer tokens, newest first, without secrets; a developer token sees itself alone. " +
      'UNAUTHENTICATED for anonymous requests.',
    authScopes: { viewer: true },
    resolve: async (query, _root, _args, context) => {
      const { session, client } = await requireViewer(context)
      const { stores, runtime } = context.gateway
      return stores.db.session.findMany({
        ...query,
        where: {
          AND: [developerTokensOf(session.did, new Date(runtime.clock())), client === null ? { id: session.id } : {}],
        },
        orderBy: { createdAt: 'desc' },
        take: MAX_LISTED,
        relationLoadStrategy: 'join',
      })
    },
  }),
)

const RevokeDeveloperTokenInput = builder.inputType('RevokeDeveloperTokenInput', {
  description: 'Which token to revoke.',
  fields: (t) => ({
    prefix: t.string({ required: true, description: 'The first characters of its id, 8 or more.' }),
  }),
})

const RevokeDeveloperTokenPayload = builder.objectRef<{ revokedId: string }>('RevokeDeveloperTokenPayload').implement({
  description: 'The token that was revoked.',
  fields: (t) => ({ revokedId: t.exposeID('revokedId', { description: 'Its id.' }) }),
})

builder.mutationField('revokeDeveloperToken', (t) =>
  t.field({
    type: RevokeDeveloperTokenPayload,
    description:
      'Revoke a developer token by the first characters of its id (8 or more). A developer token may revoke itself alone.',
    authScopes: { viewer: true },
    args: { input: t.arg({ type: RevokeDeveloperTokenInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const viewer = await requireViewer(context)
      const { client: from } = context.clientRequest
      return { revokedId: await revokeDeveloperToken(context.gateway, { viewer, prefix: input.prefix, from }) }
    },
  }),
)
