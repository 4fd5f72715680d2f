import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { RouteShorthandOptions } from 'fastify'
import helmet, { type HelmetOptions } from 'helmet'
import type { Config } from '../config/config.ts'
import type { Check } from './checks.ts'

/** What a route answers, by which its security headers are chosen: pages of ours, if it does not say. */
type Answers = 'pages' | 'graphiql' | 'data'

type ContentPolicy = NonNullable<HelmetOptions['contentSecurityPolicy']>

declare module 'fastify' {
  interface FastifyContextConfig {
    answers?: Answers
  }
}

/** The options of a route whose answers are JSON, refusals included, and never a page. */
export const ANSWERS_DATA: RouteShorthandOptions = { config: { answers: 'data' } }

/** The options of the route of GraphiQL's page. */
export const ANSWERS_GRAPHIQL: RouteShorthandOptions = { config: { answers: 'graphiql' } }

type SecurityConfig = Pick<Config, 'secure' | 'publicUrl' | 'portalPath'>

/** Sets the security headers of every response. */
export function securityHeaders(config: SecurityConfig): Check {
  const headers = headersOfAnswers(config)
  return ({ routeOptions }, reply) => void reply.headers(headers[routeOptions.config.answers ?? 'pages'])
}

/** The security headers of each kind of answer. */
export function headersOfAnswers(config: SecurityConfig): Record<Answers, OutgoingHttpHeaders> {
  const everywhere = everyAnswer(config)
  return {
    pages: headersOf({ ...everywhere, contentSecurityPolicy: pagePolicy(config) }),
    graphiql: headersOf({ ...everywhere, contentSecurityPolicy: GRAPHIQL_POLICY }),
    data: headersOf({ ...everywhere, ...OF_PAGES_ALONE, contentSecurityPolicy: DATA_POLICY }),
  }
}

/** What helmet sets, which is the same for every request: asked once, it costs requests nothing. */
function headersOf(options: HelmetOptions): OutgoingHttpHeaders {
  const request = {} as IncomingMessage
  const response = new ServerResponse(request)
  helmet(options)(request, response, () => undefined)
  return response.getHeaders()
}

function everyAnswer({ secure }: Pick<Config, 'secure'>) {
  return {
    // Browsers without Fetch Metadata tell by it that a start comes from a page of this gateway.
    referrerPolicy: { policy: 'same-origin' },
    hsts: secure ? { maxAge: 365 * 24 * 60 * 60 } : false,
    xFrameOptions: { action: 'deny' },
  } as const
}

/** What browsers act on only when the answer is a page, or a plug-in's file. */
const OF_PAGES_ALONE = {
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} as const

/** Data that a browser is made to show as a page does nothing there, and is in no frame. */
const DATA_POLICY: ContentPolicy = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
}

/**
 * Allows our own scripts and styles, images from anywhere (avatars), and no frames. Scripts are those of the build: what
 * a PDS answers under /xrpc is of this origin too.
 */
function pagePolicy({ secure, publicUrl, portalPath }: SecurityConfig): ContentPolicy {
  return {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: [`${publicUrl}${portalPath}assets/`],
      imgSrc: ["'self'", 'data:', 'https:', ...(secure ? [] : ['http:'])],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  }
}

/** GraphiQL is one page with inline scripts, and starts workers from them. It loads nothing from other hosts. */
const GRAPHIQL_POLICY: ContentPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    scriptSrc: ["'self'", "'unsafe-inline'", 'blob:'],
    styleSrc: ["'self'", "'unsafe-inline'"],
    fontSrc: ["'self'", 'data:'],
    imgSrc: ["'self'", 'data:'],
    workerSrc: ["'self'", 'blob:'],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
}
