import { setImmediate } from 'node:timers/promises'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { pressureHandler, shedLoad } from '../../src/http/load-shedding.ts'
import { respondWithError } from '../../src/http/respond.ts'

const unavailable = { code: 'SERVICE_UNAVAILABLE', retryAfter: 5 }

async function openServer(maxEventLoopDelay: number | null) {
  const server = fastify()
  server.setErrorHandler(respondWithError)
  await shedLoad(server, maxEventLoopDelay)
  server.get('/auth/start', () => ({ started: true }))
  onTestFinished(() => server.close())
  await server.ready()
  return server
}

/** Keeps the event loop from doing anything else. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('a process that cannot keep up', () => {
  it('refuses requests with 503, and when to come back', async () => {
    const server = await openServer(1)
    // The plugin measures once a second.
    while (!server.isUnderPressure()) {
      block(1100)
      await setImmediate()
    }
    const [call, navigation] = await Promise.all([
      server.inject('/auth/start'),
      server.inject({ url: '/auth/start', headers: { 'sec-fetch-mode': 'navigate' } }),
    ])
    expect(call.statusCode).toBe(503)
    expect(call.headers['retry-after']).toBe('5')
    expect(call.json()).toEqual({ error: 'SERVICE_UNAVAILABLE', message: expect.stringContaining('more requests') })
    expect(navigation.statusCode).toBe(503)
    expect(navigation.headers['retry-after']).toBe('5')
    expect(navigation.headers['content-type']).toMatch(/^text\/html/)
  })

  it('refuses none where that is off', async () => {
    const server = await openServer(null)
    block(1100)
    await setImmediate()
    expect((await server.inject('/auth/start')).statusCode).toBe(200)
  })

  const handle = pressureHandler(200)
  const decide = (url: string | undefined, type: string, value: number) =>
    handle({ routeOptions: { url } } as FastifyRequest, {} as FastifyReply, type, value)

  it.each([
    '/graphql',
    '/auth/callback',
    '/auth/verify',
    '/auth/token',
    '/auth/jwks.json',
    '/oauth-client-metadata.json',
    '/.well-known/jwks.json',
  ])('refuses %s last', async (url) => {
    await decide(url, 'eventLoopDelay', 201)
    await decide(url, 'eventLoopDelay', 800)
    await expect(decide(url, 'eventLoopDelay', 801)).rejects.toMatchObject(unavailable)
  })

  it.each(['/auth/start', '/', undefined])('refuses %s first', async (url) => {
    await expect(decide(url, 'eventLoopDelay', 201)).rejects.toMatchObject(unavailable)
  })

  it.each(['/healthz', '/readyz'])('never refuses %s, by which a supervisor decides to restart it', async (url) => {
    await decide(url, 'eventLoopDelay', 801)
    await decide(url, 'heapUsedBytes', 201)
  })

  it('refuses everything else when its memory ends', async () => {
    await expect(decide('/graphql', 'heapUsedBytes', 201)).rejects.toMatchObject(unavailable)
  })
})
