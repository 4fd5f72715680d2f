import fastify, { LogController } from 'fastify'
import { describe, expect, it } from 'vitest'
import { respondNotFound, respondWithError } from '../../src/http/respond.ts'
import { GatewayError } from '../../src/platform/errors.ts'
import { createLogger } from '../../src/platform/logger.ts'

/** A server whose one route fails with `error`, and what it logged. */
function serverThatFailsWith(error: Error) {
  const logLines: string[] = []
  const server = fastify({
    loggerInstance: createLogger({ level: 'info', destination: { write: (line) => void logLines.push(line) } }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 10,
  })
  server.setErrorHandler(respondWithError)
  server.setNotFoundHandler(respondNotFound)
  server.get('/', () => Promise.reject(error))
  server.post('/', () => ({}))
  return { server, logLines }
}

const UNCACHEABLE = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }

describe('an error', () => {
  it('that a client is meant to see is shown by its code, message and status, and nothing of its cause', async () => {
    const error = new GatewayError('SERVICE_UNAVAILABLE', 'Try again in a moment.', {
      cause: new Error('connect ECONNREFUSED 10.0.0.1'),
      detail: 'database unavailable',
      retryAfter: 2,
    })
    const { server, logLines } = serverThatFailsWith(error)
    const response = await server.inject('/')
    expect(response.statusCode).toBe(503)
    expect(response.headers).toMatchObject({ ...UNCACHEABLE, 'retry-after': '2' })
    expect(response.json()).toEqual({ error: 'SERVICE_UNAVAILABLE', message: 'Try again in a moment.' })
    expect(logLines).toHaveLength(1)
    expect(JSON.parse(String(logLines[0]))).toMatchObject({
      level: 40,
      code: 'SERVICE_UNAVAILABLE',
      detail: 'database unavailable',
      err: { message: 'connect ECONNREFUSED 10.0.0.1' },
    })
  })

  it('without a cause is not logged: it says all there is', async () => {
    const { server, logLines } = serverThatFailsWith(new GatewayError('BAD_USER_INPUT', 'Give one.'))
    const response = await server.inject('/')
    expect(response.statusCode).toBe(400)
    expect(response.headers['retry-after']).toBeUndefined()
    expect(logLines).toEqual([])
  })

  it.each([new Error('password hunter2'), Object.assign(new Error('password hunter2'), { statusCode: 500 })])(
    'that nobody foresaw is masked, and logged whole under the request id',
    async (error) => {
      const { server, logLines } = serverThatFailsWith(error)
      const response = await server.inject('/')
      const { requestId, ...answer } = response.json()
      expect(response.statusCode).toBe(500)
      expect(response.headers).toMatchObject(UNCACHEABLE)
      expect(answer).toEqual({ error: 'INTERNAL_SERVER_ERROR', message: expect.stringContaining(requestId) })
      expect(response.body).not.toContain('hunter2')
      expect(logLines).toHaveLength(1)
      expect(JSON.parse(String(logLines[0]))).toMatchObject({
        level: 50,
        reqId: requestId,
        err: { message: 'password hunter2' },
      })
    },
  )

  it.each([
    ['a body that is too large', '{"a":"bcdefg"}', 'application/json', 413],
    ['a body that is no JSON', '{', 'application/json', 400],
    ['a content type that is not read', 'a', 'text/css', 415],
  ])('of %s is the client’s', async (_what, body, contentType, status) => {
    const { server } = serverThatFailsWith(new Error('unused'))
    const response = await server.inject({ method: 'POST', url: '/', body, headers: { 'content-type': contentType } })
    expect(response.statusCode).toBe(status)
    expect(response.json()).toEqual({ error: 'BAD_USER_INPUT', message: expect.any(String) })
  })
})

it('a path that nothing is at answers 404 as JSON', async () => {
  const { server } = serverThatFailsWith(new Error('unused'))
  const response = await server.inject('/nowhere')
  expect(response.statusCode).toBe(404)
  expect(response.json()).toEqual({ error: 'NOT_FOUND', message: 'There is nothing at this address.' })
})
