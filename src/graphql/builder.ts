import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { type Context, requireAccount, requireClient, requireViewer } from './context.ts'
import type PrismaTypes from './generated/prisma-types.ts'
import { getDatamodel } from './generated/prisma-types.ts'

/**
 * The one schema builder. Its Prisma client comes from the context, so that the schema can be printed without a
 * database.
 */
export const builder = new SchemaBuilder<{
  Context: Context
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  AuthScopes: { viewer: boolean; client: boolean; account: boolean }
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
  }
}>({
  // Authorization comes first, so that it is checked before any other plugin loads data.
  plugins: [ScopeAuthPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.gateway.stores.db,
    dmmf: getDatamodel(),
    exposeDescriptions: false,
  },
  scopeAuth: {
    // Each scope throws the error that says what is missing.
    authScopes: (context) => ({
      viewer: async () => (await requireViewer(context)) !== null,
      client: async () => (await requireClient(context)) !== null,
      account: async () => (await requireAccount(context)) !== null,
    }),
    // A subscription is refused when it starts, not at its first event.
    authorizeOnSubscribe: true,
    // Also the error of an outage, which is not a missing permission.
    treatErrorsAsUnauthorized: false,
  },
})

builder.queryType({ description: 'Operations that read.' })
builder.mutationType({ description: 'Operations that change something. Only allowed origins may use a cookie here.' })
builder.subscriptionType({ description: 'Event streams, delivered as server-sent events.' })

builder.scalarType('DateTime', {
  description: 'A point in time as an ISO 8601 string in UTC, such as 2026-11-23T12:00:00.000Z.',
  serialize: (value) => value.toISOString(),
})
