import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { expect, it } from 'vitest'
import type { ServerContext } from '../../src/graphql/context.ts'
import { errorLogPlugin, publicError } from '../../src/graphql/errors.ts'
import { GatewayError } from '../../src/platform/errors.ts'
import { createLogger } from '../../src/platform/logger.ts'

/** A schema whose only query throws. */
function schemaThrowing(error: unknown): GraphQLSchema {
  const fail = () => {
    throw error
  }
  return new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { field: { type: GraphQLString, resolve: fail } } }),
  })
}

/** Sends a document to a server that throws `error`, and returns the response and the log. */
async function send(query: string, error: unknown) {
  const log: string[] = []
  const logger = createLogger({ level: 'info', destination: { write: (line) => void log.push(line) } })
  const server = createYoga<ServerContext>({
    schema: schemaThrowing(error),
    maskedErrors: { maskError: publicError },
    plugins: [errorLogPlugin(logger)],
    logging: false,
  })
  const context = { clientRequest: { id: 'request-1' } } as ServerContext
  const headers = { 'content-type': 'application/json' }
  const request = new Request('http://gateway/graphql', { method: 'POST', headers, body: JSON.stringify({ query }) })
  const response = await server.fetch(request, context)
  return { status: response.status, body: await response.text(), log: log.map((line) => JSON.parse(line)) }
}

const outage = new GatewayError('SERVICE_UNAVAILABLE', 'Try again.', {
  cause: new Error('connection refused'),
  detail: 'database unavailable',
  retryAfter: 2,
})

it('logs the code, detail and cause of a gateway error, and tells the client neither detail nor cause', async () => {
  const { status, body, log } = await send('{ field }', outage)
  expect(status).toBe(503)
  expect(JSON.parse(body)).toMatchObject({
    errors: [{ message: 'Try again.', path: ['field'], extensions: { code: 'SERVICE_UNAVAILABLE', retryAfter: 2 } }],
  })
  expect(body).not.toMatch(/connection refused|database unavailable/)
  expect(log).toMatchObject([
    {
      level: 40,
      code: 'SERVICE_UNAVAILABLE',
      detail: 'database unavailable',
      err: { message: 'connection refused' },
      reqId: 'request-1',
      path: ['field'],
    },
  ])
})

it('does not log a refusal of which there is no more to say', async () => {
  const { body, log } = await send('{ field }', new GatewayError('ALREADY_ACTIVE', 'That is the active account.'))
  expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'ALREADY_ACTIVE' } }] })
  expect(log).toEqual([])
})

it('logs an unexpected error whole, and gives the client the request id alone', async () => {
  const { body, log } = await send('{ field }', new Error('a bug'))
  expect(JSON.parse(body)).toMatchObject({
    errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-1' } }],
  })
  expect(body).not.toContain('a bug')
  expect(log).toMatchObject([{ level: 50, err: { message: 'a bug' }, reqId: 'request-1' }])
})
