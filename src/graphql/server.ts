import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'
import type { Gateway } from '../gateway.ts'
import { type Context, createContext, type ServerContext } from './context.ts'
import { errorLogPlugin, publicError } from './errors.ts'
import { eventStreamsPlugin } from './event-streams.ts'
import { CACHED_DOCUMENTS } from './limits/numbers.ts'
import { limitsPlugin } from './limits/plugin.ts'
import { namedAccountPlugin } from './named-account.ts'
import { schema } from './schema.ts'

/** The path of the API. */
export const GRAPHQL_PATH = '/graphql'

/** The GraphQL API as a request handler. CORS, body parsing and the origin check belong to the HTTP layer. */
export function createGraphqlServer(gateway: Gateway): YogaServerInstance<ServerContext, Context> {
  return createYoga<ServerContext, Context>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: (serverContext) => createContext(gateway, serverContext),
    maskedErrors: { maskError: publicError },
    plugins: [
      limitsPlugin({ describesSchema: gateway.config.graphiql }),
      namedAccountPlugin(),
      eventStreamsPlugin(gateway.runtime.logger),
      errorLogPlugin(gateway.runtime.logger),
    ],
    // Yoga's own keeps a thousand of each, which a stranger can fill with documents as large as allowed.
    parserAndValidationCache: {
      documentCache: new LRUCache({ max: CACHED_DOCUMENTS }),
      errorCache: new LRUCache({ max: CACHED_DOCUMENTS }),
    },
    logging: yogaLogger(gateway),
    cors: false,
    multipart: false,
    landingPage: false,
    graphiql: false,
  })
}

/** What kind of thing was reported, without what it says. */
function kindOf(reported: unknown): string {
  return reported instanceof Error ? reported.name : typeof reported
}

/**
 * Yoga also reports every error that was masked or translated. The error plugin has logged what matters of them
 * already.
 */
function yogaLogger({ runtime: { logger } }: Gateway) {
  // The kind of error alone: its message may repeat what a client sent, such as an exchange token.
  const debug = (...args: unknown[]) => logger.debug({ yoga: args.map(kindOf) }, 'graphql-yoga')
  return { debug: () => undefined, info: debug, warn: debug, error: debug }
}
