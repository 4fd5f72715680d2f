import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { type ErrorCode, GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { ServerContext } from './context.ts'

/** Outages answer with their own HTTP status, so that clients and proxies retry; all else is told inside the body. */
const STATUS_OUTSIDE: Partial<Record<ErrorCode, number>> = { SERVICE_UNAVAILABLE: 503, RATE_LIMITED: 429 }

/**
 * What a client sees of an error: a gateway error whole, a mistake in the query as GraphQL reports it, and nothing of any other.
 */
export function publicError(error: unknown): Error {
  const original = error instanceof GraphQLError ? error.originalError : error
  if (original === undefined && error instanceof GraphQLError) return error
  if (original instanceof GraphQLError) return original
  const place = error instanceof GraphQLError ? placeOf(error) : {}
  if (original instanceof GatewayError) {
    const { code, retryAfter, missingScopes } = original
    const extensions = { code, ...(retryAfter && { retryAfter }), ...(missingScopes && { missingScopes }) }
    const status = STATUS_OUTSIDE[code] ?? 200
    return new GraphQLError(original.message, { ...place, extensions: { ...extensions, http: { status } } })
  }
  return new MaskedError(original, place)
}

/** Stands for an error that is not for the client to see. */
class MaskedError extends GraphQLError {
  readonly hidden: unknown

  constructor(hidden: unknown, place: ReturnType<typeof placeOf> | Record<string, never>) {
    super('Something went wrong here. Try again; if it stays, report the request id.', {
      ...place,
      extensions: { code: 'INTERNAL_SERVER_ERROR', unexpected: true },
    })
    // Not enumerable, so that no serializer comes upon it.
    Object.defineProperty(this, 'hidden', { value: hidden, enumerable: false })
  }
}

/** Logs each masked error whole, and gives the client the request id to find it by. Logs the cause of gateway errors too. */
export function errorLogPlugin(logger: Logger): Plugin<object, ServerContext> {
  return {
    onExecutionResult({ result, context }) {
      if (result === undefined || Symbol.asyncIterator in result || !('errors' in result)) return
      for (const error of result.errors ?? []) {
        if (!(error instanceof MaskedError)) continue
        const requestId = context.clientRequest.id
        error.extensions.requestId = requestId
        logger.error({ err: error.hidden, reqId: requestId, path: error.path }, 'unexpected error')
      }
    },
  }
}

function placeOf({ nodes, source, positions, path }: GraphQLError) {
  return { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null }
}
