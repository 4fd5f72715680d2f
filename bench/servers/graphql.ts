import { createServer } from 'node:http'
import SchemaBuilder from '@pothos/core'
import { createYoga } from 'graphql-yoga'
import { announce } from './announce.ts'

// The baseline of `currentUser`: graphql-yoga and Pothos over node:http, which answer the benchmark's query from a
// constant. No cookie, no store. The gateway's plugins extend Pothos's global types, which then require options of
// plugins that are not loaded here.
const options = { defaultFieldNullability: false } as never
const builder = new SchemaBuilder<{ DefaultFieldNullability: false }>(options)
const user = JSON.parse(process.env.BENCH_ANSWER ?? '{}') as {
  did: string
  handle: string
  pdsUrl: string
  grantedScopes: string[]
  session: { kind: string }
}

const SessionKind = builder.enumType('SessionKind', { values: ['BROWSER'] as const })
const Session = builder.objectRef<{ kind: string }>('Session').implement({
  fields: (t) => ({ kind: t.field({ type: SessionKind, resolve: () => 'BROWSER' as const }) }),
})
const CurrentUser = builder.objectRef<typeof user>('CurrentUser').implement({
  fields: (t) => ({
    did: t.exposeID('did'),
    handle: t.exposeString('handle'),
    pdsUrl: t.exposeString('pdsUrl'),
    grantedScopes: t.exposeStringList('grantedScopes'),
    session: t.field({ type: Session, resolve: ({ session }) => session }),
  }),
})
builder.queryType({
  fields: (t) => ({ currentUser: t.field({ type: CurrentUser, nullable: true, resolve: () => user }) }),
})

announce(createServer(createYoga({ schema: builder.toSchema(), logging: false, graphiql: false })))
