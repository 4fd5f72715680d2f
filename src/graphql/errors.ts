import { GraphQLError, type GraphQLErrorOptions } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { type ErrorCode, GatewayError } from '../platform/errors.ts'
import { type Logger, logGatewayError } from '../platform/logger.ts'
import type { ServerContext } from './context.ts'

/**
 * Only these errors set the HTTP status: those after which clients and proxies retry, and the one that is found before
 * anything is executed. All others are reported in a 200 response.
 */
const HTTP_STATUS: Partial<Record<ErrorCode, number>> = {
  ACCOUNT_CHANGED: 409,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
}

/** In characters. GraphQL's own are longer only if they repeat what the client sent. */
const MAX_MESSAGE = 1000

/** An error as the client sees it. What was thrown stays beside it, for the log. */
class PublicError extends GraphQLError {
  readonly thrown: unknown

  constructor(message: string, thrown: unknown, options: GraphQLErrorOptions) {
    super(message, options)
    // Not enumerable, so that no serializer includes it.
    Object.defineProperty(this, 'thrown', { value: thrown, enumerable: false })
  }
}

/**
 * Translates an error for the client: a gateway error with its code and message, a mistake in the document as GraphQL
 * reports it, and anything else masked.
 */
export function publicError(error: unknown): Error {
  const original = error instanceof GraphQLError ? error.originalError : error
  if (original === undefined && error instanceof GraphQLError) return shortened(error)
  if (original instanceof GraphQLError) return shortened(original)
  const location = error instanceof GraphQLError ? locationOf(error) : {}
  if (!(original instanceof GatewayError)) return maskedError(original, location)
  const { code, message, reason, retryAfter, missingScopes } = original
  const extensions = {
    code,
    ...(reason && { reason }),
    ...(retryAfter && { retryAfter }),
    ...(missingScopes && { missingScopes }),
  }
  const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  const http = { status: HTTP_STATUS[code] ?? 200, headers }
  return new PublicError(message, original, { ...location, extensions: { ...extensions, http } })
}

/** Messages about mistakes in variables repeat the whole input object, once for each mistake. */
function shortened(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE) return error
  const message = `${error.message.slice(0, MAX_MESSAGE)}…`
  return new GraphQLError(message, { ...locationOf(error), extensions: error.extensions })
}

function maskedError(thrown: unknown, location: GraphQLErrorOptions): PublicError {
  return new PublicError('Something went wrong here. Try again; if it happens again, report the request id.', thrown, {
    ...location,
    extensions: { code: 'INTERNAL_SERVER_ERROR', unexpected: true },
  })
}

/**
 * Logs what the client is not told: the detail and the cause of gateway errors, and unexpected errors whole. Gives an
 * unexpected error the request id by which the log has it.
 */
export function logError(logger: Logger, error: Error, requestId: string): void {
  if (!(error instanceof PublicError)) return
  const { thrown, path, extensions } = error
  const request = { reqId: requestId, path }
  if (thrown instanceof GatewayError) {
    logGatewayError(logger, thrown, request)
  } else {
    extensions.requestId = requestId
    logger.error({ err: thrown, ...request }, 'unexpected error')
  }
}

/** What a client is told of an error that `publicError` has translated. */
export function shownError({ message, locations, path, extensions }: GraphQLError) {
  // These two are for the HTTP status of an answer.
  const { http, unexpected, ...told } = extensions
  return { message, locations, path, ...(Object.keys(told).length > 0 && { extensions: told }) }
}

/** Logs the errors of results. */
export function errorLogPlugin(logger: Logger): Plugin<ServerContext, ServerContext> {
  return {
    onExecutionResult({ result, context }) {
      if (result === undefined || Symbol.asyncIterator in result || !('errors' in result)) return
      for (const error of result.errors ?? []) logError(logger, error, context.clientRequest.id)
    },
  }
}

function locationOf({ nodes, source, positions, path }: GraphQLError): GraphQLErrorOptions {
  return { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null }
}
