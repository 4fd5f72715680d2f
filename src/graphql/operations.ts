import { type DocumentNode, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql'
import { isAsyncIterable, type YogaServerInstance } from 'graphql-yoga'
import { z } from 'zod'
import type { Logger } from '../platform/logger.ts'
import type { Context, ServerContext } from './context.ts'
import type { DocumentCache } from './document-cache.ts'
import { logError, publicError, shownError } from './errors.ts'

/** The answer to one operation. */
export type OperationAnswer = { status: number; headers: Record<string, string>; text: string }

/** Answers an operation that was sent as JSON, or gives null: then it is for Yoga as a whole. */
export type AnswerOperation = (
  request: { body: unknown; accept: string | undefined },
  context: ServerContext,
) => Promise<OperationAnswer | null>

type Enveloped = ReturnType<YogaServerInstance<ServerContext, Context>['getEnveloped']>
type Executed = { document: DocumentNode } & z.infer<typeof operationBody>

/** What Yoga takes for an operation (GraphQL over HTTP, "Request Parameters"). It reports what is wrong with anything else. */
const operationBody = z.strictObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
})

/**
 * The short way of an operation: parsed, validated and executed by Yoga's own plugins, without the request and the
 * response that Yoga makes of it in the forms of the fetch API. It is for queries and mutations that are valid; a mistake
 * in the document, a subscription and every other form of request go through Yoga whole, so that only one part reports
 * them.
 */
export function createOperations(
  yoga: YogaServerInstance<ServerContext, Context>,
  { documents, logger }: { documents: DocumentCache; logger: Logger },
): AnswerOperation {
  const validDocument = createValidDocument(documents)
  return async ({ body, accept }, context) => {
    const mediaType = jsonTypeOf(accept)
    const operation = operationBody.safeParse(body)
    if (mediaType === null || !operation.success) return null
    const enveloped = yoga.getEnveloped(context)
    const document = validDocument(enveloped, operation.data.query)
    if (document === null || !isExecuted(document, operation.data.operationName)) return null
    const result = await execute(enveloped, { ...operation.data, document })
    for (const error of result.errors ?? []) logError(logger, error, context.clientRequest.id)
    return answerOf(result, mediaType)
  }
}

/** Whether the document says which operation is meant, and it has one result. */
function isExecuted(document: DocumentNode, name: string | null | undefined): boolean {
  const operation = getOperationAST(document, name)
  return operation != null && operation.operation !== 'subscription'
}

/**
 * Parses and validates a document, once as long as Yoga keeps it: Yoga's plugins take a while to find out that it was.
 * Null when it is not valid.
 */
function createValidDocument(documents: DocumentCache) {
  const valid = new WeakSet<DocumentNode>()

  return ({ parse, validate, schema }: Enveloped, query: string): DocumentNode | null => {
    const known = documents.get(query)
    if (known !== undefined && valid.has(known)) return known
    try {
      const document: DocumentNode = parse(query)
      if (validate(schema, document).length > 0) return null
      valid.add(document)
      return document
    } catch {
      // Yoga finds the same, and reports it.
      return null
    }
  }
}

async function execute(
  enveloped: Enveloped,
  { document, variables, operationName }: Executed,
): Promise<ExecutionResult> {
  try {
    const contextValue = await enveloped.contextFactory()
    const result: unknown = await enveloped.execute({
      schema: enveloped.schema,
      document,
      contextValue,
      variableValues: variables,
      operationName,
    })
    if (isAsyncIterable(result)) throw new TypeError('an operation with several results was executed as one')
    return result as ExecutionResult
  } catch (error) {
    return { errors: [graphqlError(publicError(error))] }
  }
}

function graphqlError(error: Error): GraphQLError {
  return error instanceof GraphQLError ? error : new GraphQLError(error.message, { originalError: error })
}

function answerOf({ errors, ...result }: ExecutionResult, mediaType: string): OperationAnswer {
  const headers = { 'content-type': `${mediaType}; charset=utf-8` }
  if (errors === undefined) return { status: 200, headers, text: JSON.stringify(result) }
  const http = errors.map(({ extensions }) => extensions.http as HttpExtension | undefined)
  return {
    status: Math.max(...http.map((said) => said?.status ?? 0)) || (isMasked(errors) && !('data' in result) ? 500 : 200),
    headers: Object.assign(headers, ...http.map((said) => said?.headers)),
    text: JSON.stringify({ errors: errors.map(shownError), ...result }),
  }
}

/** What an error says of the HTTP response, as Yoga reads it. */
type HttpExtension = { status?: number; headers?: Record<string, string> }

function isMasked(errors: readonly GraphQLError[]): boolean {
  return errors.some(({ extensions }) => extensions.unexpected === true)
}

const JSON_TYPES = new Map([
  ['application/json', 'application/json'],
  ['application/graphql-response+json', 'application/graphql-response+json'],
  ['application/*', 'application/json'],
  ['*/*', 'application/json'],
])

/** The media type in which a client takes the answer: of those that it names the first that fits; null when none does. */
function jsonTypeOf(accept = '*/*'): string | null {
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    // A weight orders ranges that clients write in that order anyway. Yoga reads the rest.
    if (parameters.some((parameter) => !parameter.startsWith('q='))) return null
    const found = JSON_TYPES.get(type)
    if (found !== undefined) return found
  }
  return null
}
