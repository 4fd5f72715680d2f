import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Logger } from '../platform/logger.ts'
import { forgetRequest, type ServerContext } from './context.ts'
import { logError, publicError, shownError } from './errors.ts'

/**
 * Hands the results of a subscription to the HTTP layer, which writes them. With Yoga each stream would keep the request
 * and the response in its own form, a timer, and a layer around the results for each plugin: 50 KB.
 */
export function eventStreamsPlugin(logger: Logger): Plugin<ServerContext, ServerContext> {
  return {
    onSubscribe({ args: { contextValue }, subscribeFn, setSubscribeFn }) {
      setSubscribeFn(async (args) => {
        const result = await subscribeFn(args)
        return isAsyncIterable<ExecutionResult>(result) ? { data: new Subscription(result, contextValue) } : result
      })
    },

    onResultProcess({ request, result, serverContext, setResultProcessor }) {
      const { data: subscription = null } = result as ExecutionResult
      if (!(subscription instanceof Subscription)) return
      const { results, context } = subscription
      // An answer without the results also ends the subscription.
      if (!acceptsEventStream(request))
        return setResultProcessor((_result, { Response }) => notAcceptable(Response), '')
      setResultProcessor((_result, { Response }) => {
        serverContext.sendEvents(results, new StreamText(logger, serverContext.clientRequest.id))
        forgetRequest(context)
        return new Response(null, { headers: { 'content-type': EVENT_STREAM } })
      }, EVENT_STREAM)
    },
  }
}

const EVENT_STREAM = 'text/event-stream'

/** The results of a subscription on their way through Yoga, which takes them for those of a query. */
class Subscription {
  readonly results: AsyncIterable<ExecutionResult>
  readonly context: ServerContext

  constructor(results: AsyncIterable<ExecutionResult>, context: ServerContext) {
    this.results = results
    this.context = context
  }
}

/** What is written of the results of a stream. Errors are masked and logged as those of other requests are. */
class StreamText {
  readonly #logger: Logger
  readonly #requestId: string

  constructor(logger: Logger, requestId: string) {
    this.#logger = logger
    this.#requestId = requestId
  }

  dataOf({ errors, ...result }: ExecutionResult): string {
    const shown = errors?.map((error) => this.#shown(error))
    return JSON.stringify(shown === undefined ? result : { errors: shown, ...result })
  }

  /** The last data of a stream that fails. */
  failureOf(error: unknown): string {
    return JSON.stringify({ errors: [this.#shown(error)] })
  }

  #shown(error: unknown) {
    const translated = publicError(error)
    logError(this.#logger, translated, this.#requestId)
    return shownError(translated instanceof GraphQLError ? translated : new GraphQLError(''))
  }
}

function acceptsEventStream({ headers }: Request): boolean {
  const accepted = (headers.get('accept') ?? '*/*').split(',').map((range) => range.split(';')[0]?.trim().toLowerCase())
  return [EVENT_STREAM, 'text/*', '*/*'].some((range) => accepted.includes(range))
}

function notAcceptable(Response: typeof globalThis.Response): Response {
  return new Response(null, { status: 406, headers: { accept: EVENT_STREAM } })
}
