import { type ExecutionResult, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { expect, it } from 'vitest'
import type { ServerContext } from '../../src/graphql/context.ts'
import { errorLogPlugin, publicError } from '../../src/graphql/errors.ts'
import { eventStreamsPlugin } from '../../src/graphql/event-streams.ts'
import { GatewayError } from '../../src/platform/errors.ts'
import { createLogger } from '../../src/platform/logger.ts'

/** A schema whose subscription has one event, after which `after` is thrown, and whose field throws `within`. */
function schemaOf({ after, within }: { after?: unknown; within?: unknown }): GraphQLSchema {
  async function* events() {
    yield { field: 'first' }
    if (after !== undefined) throw after
  }
  const field = {
    type: GraphQLString,
    subscribe: events,
    resolve(event: { field: string }) {
      if (within !== undefined) throw within
      return event.field
    },
  }
  return new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { field: { type: GraphQLString } } }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: { field } }),
  })
}

/** Subscribes, and reads all that would be written of the results. */
async function subscribe(thrown: { after?: unknown; within?: unknown } = {}, accept = 'text/event-stream') {
  const log: string[] = []
  const logger = createLogger({ level: 'info', destination: { write: (line) => void log.push(line) } })
  const server = createYoga<ServerContext>({
    schema: schemaOf(thrown),
    maskedErrors: { maskError: publicError },
    plugins: [eventStreamsPlugin(logger), errorLogPlugin(logger)],
    logging: false,
  })
  const data: unknown[] = []
  let sent: Promise<void> | undefined
  const context = {
    clientRequest: { id: 'request-1' },
    sendEvents(results, text) {
      sent = (async () => {
        try {
          for await (const result of results) data.push(JSON.parse(text.dataOf(result)))
        } catch (error) {
          data.push(JSON.parse(text.failureOf(error)))
        }
      })()
    },
  } as Partial<ServerContext> as ServerContext
  const headers = { 'content-type': 'application/json', accept }
  const body = JSON.stringify({ query: 'subscription { field }' })
  const response = await server.fetch(new Request('http://gateway/graphql', { method: 'POST', headers, body }), context)
  const text = await response.text()
  await sent
  return {
    response,
    text,
    isSent: sent !== undefined,
    data: data as ExecutionResult[],
    log: log.map((line) => JSON.parse(line)),
  }
}

const outage = new GatewayError('SERVICE_UNAVAILABLE', 'Try again.', {
  cause: new Error('connection refused'),
  detail: 'database unavailable',
  retryAfter: 2,
})

it('hands the results over, and answers with the head of the stream alone', async () => {
  const { response, text, data, log } = await subscribe()
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(text).toBe('')
  expect(data).toEqual([{ data: { field: 'first' } }])
  expect(log).toEqual([])
})

it.each(['*/*', 'text/*;q=0.5', 'application/json, Text/Event-Stream'])('does so for Accept: %s', async (accept) => {
  expect((await subscribe({}, accept)).data).toHaveLength(1)
})

it.each(['application/json', 'multipart/mixed', 'text/html'])(
  'has no other form: 406 for Accept: %s',
  async (accept) => {
    const { response, text, isSent } = await subscribe({}, accept)
    expect(response.status).toBe(406)
    expect(response.headers.get('accept')).toBe('text/event-stream')
    expect(text).toBe('')
    expect(isSent).toBe(false)
  },
)

it.each([
  { thrown: outage, shown: 'SERVICE_UNAVAILABLE', level: 40, cause: 'connection refused' },
  { thrown: new Error('a bug'), shown: 'INTERNAL_SERVER_ERROR', level: 50, cause: 'a bug' },
])(
  'masks and logs $cause, in a stream that fails and in one of its results',
  async ({ thrown, shown, level, cause }) => {
    for (const { data, log } of [await subscribe({ after: thrown }), await subscribe({ within: thrown })]) {
      const { errors: [error] = [] } = data.at(-1) ?? {}
      expect(error?.extensions?.code).toBe(shown)
      expect(error?.extensions?.requestId).toBe(level === 50 ? 'request-1' : undefined)
      expect(error?.extensions).not.toHaveProperty('http')
      expect(error?.extensions).not.toHaveProperty('unexpected')
      expect(JSON.stringify(data)).not.toMatch(/connection refused|database unavailable|a bug/)
      expect(log).toMatchObject([{ level, err: { message: cause }, reqId: 'request-1' }])
    }
  },
)

it('forgets the request, with what was looked up for it', async () => {
  const context = await new Promise<object>((resolve) => {
    const server = createYoga<ServerContext>({
      schema: schemaOf({}),
      plugins: [
        { onSubscribe: (subscribing: { args: { contextValue: object } }) => resolve(subscribing.args.contextValue) },
        eventStreamsPlugin(createLogger({ level: 'silent' })),
      ],
      logging: false,
    })
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
    const body = JSON.stringify({ query: 'subscription { field }' })
    const serverContext = { clientRequest: { id: 'request-1' }, sendEvents: () => undefined }
    void server.fetch(new Request('http://gateway/graphql', { method: 'POST', headers, body }), serverContext as never)
  })
  await expect.poll(() => Object.values(context).filter((value) => value !== undefined)).toEqual([])
})
