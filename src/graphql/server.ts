import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import type { Gateway } from '../gateway.ts'
import { type Context, createContext, type ServerContext } from './context.ts'
import { createDocumentCache, type DocumentCache, NO_CACHE } from './document-cache.ts'
import { errorLogPlugin, publicError } from './errors.ts'
import { eventStreamsPlugin } from './event-streams.ts'
import { limitsPlugin } from './limits/plugin.ts'
import { namedAccountPlugin } from './named-account.ts'
import { type AnswerOperation, createOperations } from './operations.ts'
import { schema } from './schema.ts'

/** The path of the API. */
export const GRAPHQL_PATH = '/graphql'

/** The GraphQL API as the HTTP layer uses it. CORS, body parsing and the origin check belong there. */
export type GraphqlServer = {
  /** Answers a request of any form. */
  handleNodeRequest: YogaServerInstance<ServerContext, Context>['handleNodeRequest']
  /** Answers what is common in a fraction of the time. */
  answerOperation: AnswerOperation
}

export function createGraphqlServer(gateway: Gateway): GraphqlServer {
  const documents = createDocumentCache()
  const yoga = createYogaServer(gateway, documents)
  return {
    handleNodeRequest: yoga.handleNodeRequest.bind(yoga),
    answerOperation: createOperations(yoga, { documents, logger: gateway.runtime.logger }),
  }
}

function createYogaServer(gateway: Gateway, documents: DocumentCache): YogaServerInstance<ServerContext, Context> {
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
    // Yoga's own keep a thousand of each, which a stranger can fill with documents as large as allowed. A mistake is
    // reported anew each time: what Yoga adds to it depends on the request.
    parserAndValidationCache: { documentCache: documents, errorCache: NO_CACHE },
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
