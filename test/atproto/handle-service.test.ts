import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHandleService } from '../../src/atproto/handle-service.ts'
import { createSafeFetch } from '../../src/atproto/safe-fetch.ts'
import { type AnsweringServer, answerJson, startAnswering } from '../support/http-answers.ts'

const FOUND = { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }

describe('the handle service', () => {
  let server: AnsweringServer
  let answer: [status: number, body: unknown]

  beforeAll(async () => {
    server = await startAnswering((request, response) => {
      if (request.url === '/elsewhere') return answerJson(response, 200, FOUND)
      const [status, body] = answer
      if (status === 302) response.setHeader('location', '/elsewhere')
      answerJson(response, status, body)
    })
  })
  afterAll(() => server.close())

  function resolve(status: number, body: unknown) {
    answer = [status, body]
    return createHandleService(server.origin, createSafeFetch({ allowInsecure: true })).resolve('alice.test')
  }

  it('asks for the handle', async () => {
    expect(await resolve(200, FOUND)).toBe(FOUND.did)
    const asked = server.requests.at(-1)
    expect(asked?.pathname).toBe('/xrpc/com.atproto.identity.resolveHandle')
    expect(Object.fromEntries(asked?.searchParams ?? [])).toEqual({ handle: 'alice.test' })
  })

  it.each(['HandleNotFound', 'InvalidRequest'])('finds no account where the server says %s', async (error) => {
    expect(await resolve(400, { error })).toBeNull()
  })

  it.each([
    [400, { error: 'Other' }],
    [404, { error: 'HandleNotFound' }],
    [500, { error: 'InternalServerError' }],
    [500, {}],
    [200, {}],
    [200, { did: 'did:example:alice' }],
    [302, {}],
  ])('takes %i %o for an outage', async (status, body) => {
    await expect(resolve(status, body)).rejects.toThrow()
  })

  it('says what the server answered', async () => {
    await expect(resolve(503, { error: 'Busy' })).rejects.toThrow('503 Busy')
  })

  it('gives up when it is told to', async () => {
    const giveUp = new AbortController()
    const silent = await startAnswering(() => giveUp.abort())
    const service = createHandleService(silent.origin, createSafeFetch({ allowInsecure: true }))
    await expect(service.resolve('alice.test', { signal: giveUp.signal })).rejects.toThrow(/abort/i)
    silent.close()
  })
})
