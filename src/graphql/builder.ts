import SchemaBuilder from '@pothos/core'
import PrismaPlugin from '@pothos/plugin-prisma'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { type Context, unauthenticated } from './context.ts'
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
  AuthScopes: { signedIn: boolean }
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
    authScopes: (context) => ({ signedIn: async () => (await context.viewer()) !== null }),
    // A subscription is refused when it starts, not at its first event.
    authorizeOnSubscribe: true,
    unauthorizedError: unauthenticated,
    // An outage of a store is not a missing permission: the client gets the error of the outage.
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
