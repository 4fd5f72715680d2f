import cookiePlugin from '@fastify/cookie'
import cors from '@fastify/cors'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { CALLBACK_PATH, CLIENT_METADATA_PATH, JWKS_PATH } from '../atproto/client.ts'
import type { Gateway } from '../gateway.ts'
import type { Services } from '../services/services.ts'
import { readMigrations } from '../store/sql/migrations.ts'
import { boundBodyTime } from './body-time.ts'
import { callbackHandler } from './callback.ts'
import { inOrder } from './checks.ts'
import { boundConnections, type ConnectionLimits, connectionOptions } from './connections.ts'
import { createCookies } from './cookies.ts'
import { refuseWhenClosing } from './draining.ts'
import { createEventStreams } from './event-stream.ts'
import { graphiqlRoute } from './graphiql.ts'
import { type GraphqlServer, graphqlHandler } from './graphql.ts'
import { refuseSecondHost } from './host.ts'
import { IDENTITY_JWKS_PATH, identityJwksHandler, TOKEN_PATH, tokenHandler } from './identity-token.ts'
import { shedLoad } from './load-shedding.ts'
import { redirectLocalhost } from './localhost.ts'
import { clientMetadataHandler, jwksHandler } from './metadata.ts'
import { portal } from './portal.ts'
import { LIVENESS_PATH, livenessHandler, READINESS_PATH, readinessHandler } from './probes.ts'
import { requestId, requestLog, sendRequestId } from './request-log.ts'
import { requestLogger } from './request-logger.ts'
import { respondNotFound, respondWithError } from './respond.ts'
import { refuseForeignOrigin } from './same-origin.ts'
import { ANSWERS_DATA, securityHeaders } from './security-headers.ts'
import { startHandler } from './start.ts'
import { type Refusals, VERIFY_PATH, verifyRoute } from './verify.ts'
import { addVerifyShortWay } from './verify-short-way.ts'
import { isXrpc, LONGEST_NSID, xrpc } from './xrpc.ts'

/** The largest body is a GraphQL request: a document and its variables. The largest of the portal has 2 KB. */
const MAX_BODY_BYTES = 32 * 1024

/** What a frontend on another origin may send, and read. */
const CORS_REQUEST_HEADERS = [
  'content-type',
  'authorization',
  'atgate-account',
  'atproto-proxy',
  'atproto-accept-labelers',
]
const CORS_RESPONSE_HEADERS = ['x-request-id', 'retry-after', 'atgate-error', 'atproto-repo-rev']

/** In seconds: the longest that Chrome keeps the answer to a preflight. */
const CORS_MAX_AGE = 7200

type Options = { graphql: GraphqlServer; services: Services; connectionLimits: ConnectionLimits }

/** Builds the HTTP server with every route. The caller makes it listen. */
export async function createServer(
  gateway: Gateway,
  { graphql, services, connectionLimits }: Options,
): Promise<FastifyInstance> {
  const { config } = gateway
  const refusals: Refusals = new WeakMap()
  const server = fastify({
    loggerInstance: gateway.runtime.logger as FastifyBaseLogger,
    // Fastify logs whole URLs, which contain codes, states and exchange tokens.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (raw) => refusals.get(raw)?.id ?? requestId(raw),
    childLoggerFactory: requestLogger,
    trustProxy: config.trustProxy,
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: LONGEST_NSID },
    // A HEAD request must not complete a flow.
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // Fastify's own answer has no code, and says nothing of when to come back.
    return503OnClosing: false,
    ...connectionOptions(connectionLimits),
  })
  boundConnections(server.server, connectionLimits, gateway.runtime.logger)
  server.setErrorHandler(respondWithError)
  server.setNotFoundHandler(respondNotFound)
  // Only JSON is accepted. An HTML form on another site can send text/plain.
  server.removeContentTypeParser('text/plain')
  server.addHook(
    'onResponse',
    requestLog(gateway.runtime.logger, (raw) => refusals.get(raw)?.ms ?? 0),
  )
  server.addHook(
    'onRequest',
    inOrder(sendRequestId, securityHeaders(config), refuseSecondHost, boundBodyTime(connectionLimits, isXrpc)),
  )
  if (!config.secure) server.addHook('onRequest', redirectLocalhost(config.publicUrl))

  await server.register(cookiePlugin)
  await server.register(cors, {
    origin: [...config.allowedOrigins],
    credentials: true,
    methods: ['GET', 'POST'],
    allowedHeaders: CORS_REQUEST_HEADERS,
    exposedHeaders: CORS_RESPONSE_HEADERS,
    maxAge: CORS_MAX_AGE,
  })
  server.addHook('onRequest', inOrder(refuseWhenClosing(gateway.runtime)))
  await shedLoad(server, config.maxEventLoopDelay)

  const cookies = createCookies(config)
  const requireAllowedOrigin = inOrder((request) => refuseForeignOrigin(request, config.allowedOrigins))

  const probed = ['GET', 'HEAD']
  server.route({ method: probed, url: LIVENESS_PATH, handler: livenessHandler })
  const readiness = readinessHandler(gateway, await readMigrations())
  server.route({ method: probed, url: READINESS_PATH, handler: readiness })
  server.get('/auth/start', startHandler(gateway, cookies))
  server.get(CALLBACK_PATH, callbackHandler(gateway, cookies))
  server.get(CLIENT_METADATA_PATH, clientMetadataHandler(gateway.atproto.clients))
  server.get(JWKS_PATH, jwksHandler(gateway.atproto.clients))
  const verifying = { cookies, refusals, ...services }
  const { options, handler } = verifyRoute(gateway, verifying)
  server.route({ method: ['GET', 'HEAD'], url: VERIFY_PATH, ...ANSWERS_DATA, ...options, handler })
  const called = { onRequest: requireAllowedOrigin, ...ANSWERS_DATA }
  server.post(TOKEN_PATH, called, tokenHandler(gateway, { cookies, ...services }))
  server.get(IDENTITY_JWKS_PATH, identityJwksHandler(services.identityKeys))
  const streams = createEventStreams({ commentsEvery: connectionLimits.comments })
  const api = graphqlHandler(graphql, cookies, streams)
  const graphiql = graphiqlRoute(config.graphiql, api)
  server.get('/graphql', graphiql.options, graphiql.handler)
  server.post('/graphql', called, api)
  await server.register(xrpc(gateway, cookies))
  await portal(server, config)
  addVerifyShortWay(server, gateway, verifying)
  return server
}
