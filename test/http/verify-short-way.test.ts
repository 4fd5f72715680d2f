import type { IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import cookiePlugin from '@fastify/cookie'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCookies } from '../../src/http/cookies.ts'
import type { Refusals } from '../../src/http/verify.ts'
import { addVerifyShortWay } from '../../src/http/verify-short-way.ts'
import { aSession } from '../support/builders.ts'
import { openConnection } from '../support/raw-connection.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

const WHOLE_WAY = 418

describe('the short way of /auth/verify', () => {
  let gateway: UnitGateway
  let server: FastifyInstance
  let url: string
  let refusals: Refusals
  let isUnderPressure: boolean
  let token: string
  /** The last request that went the whole way. */
  let last: IncomingMessage | null

  beforeEach(async () => {
    gateway = await openUnitGateway()
    token = (await aSession({ db: gateway.stores.db })).token
    refusals = new WeakMap()
    isUnderPressure = false
    last = null
    server = fastify()
    await server.register(cookiePlugin)
    server.decorate('isUnderPressure', () => isUnderPressure)
    server.setNotFoundHandler((request, reply) => {
      last = request.raw
      reply.code(WHOLE_WAY).send()
    })
    addVerifyShortWay(server, gateway, {
      cookies: createCookies(gateway.config),
      identityTokens: { share: async () => null },
      refusals,
    })
    url = await server.listen({ host: '127.0.0.1', port: 0 })
  })
  afterEach(() => server.close())

  /** @returns the status of the answer */
  async function ask(line = 'GET /auth/verify', headers: readonly string[] = [], text = token): Promise<number> {
    const connection = await openConnection(url)
    const all = ['host: 127.0.0.1', `cookie: atgate=${text}`, 'connection: close', ...headers]
    connection.send(`${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`)
    return Number((await connection.isClosed()).split(' ')[1])
  }

  it.each(['', '?', '?scope=atproto', '?redirect=1'])('lets a session through: %j', async (query) => {
    expect(await ask(`GET /auth/verify${query}`)).toBe(200)
    expect(last).toBeNull()
  })

  it.each<[line: string, headers?: string[]]>([
    ['HEAD /auth/verify'],
    ['POST /auth/verify'],
    ['GET /auth/verify/'],
    ['GET /auth/verify;a'],
    ['GET /auth/verify#a'],
    ['GET //auth/verify'],
    ['GET /auth/%76erify'],
    ['GET /AUTH/VERIFY'],
    ['GET /auth/verifyer'],
    ['GET http://127.0.0.1/auth/verify'],
    ['GET /auth/verify?redirect=maybe'],
    ['GET /auth/verify', ['origin: https://app.example.com']],
    ['GET /auth/verify', ['host: evil.example']],
    ['GET /auth/verify', ['content-length: 0']],
    ['GET /auth/verify', ['transfer-encoding: chunked']],
  ])('leaves to Fastify what is not as plain as that, without looking at its token: %s %j', async (line, headers) => {
    const readText = vi.spyOn(gateway.stores, 'readText')
    expect(await ask(line, headers)).toBe(WHOLE_WAY)
    expect(readText).not.toHaveBeenCalled()
  })

  it('leaves everything to Fastify while there is too much to do, and once the process ends', async () => {
    isUnderPressure = true
    expect(await ask()).toBe(WHOLE_WAY)
    isUnderPressure = false
    expect(await ask()).toBe(200)
    gateway.close()
    expect(await ask()).toBe(WHOLE_WAY)
    expect(refusals.get(last as IncomingMessage)).toBeUndefined()
  })

  it('passes a refusal on to Fastify, with the reason and the id of the request', async () => {
    const failures = vi.spyOn(gateway.runtime.limits.failures, 'consume')
    const wrong = `${token.slice(0, -3)}abc`
    expect(await ask('GET /auth/verify', ['x-request-id: of-the-proxy'], wrong)).toBe(WHOLE_WAY)
    expect(refusals.get(last as IncomingMessage)).toEqual({
      id: 'of-the-proxy',
      error: expect.objectContaining({ code: 'UNAUTHENTICATED' }),
      ms: expect.any(Number),
    })
    expect(failures).toHaveBeenCalledTimes(1)
  })

  it('passes an outage on, too', async () => {
    vi.spyOn(gateway.stores, 'readText').mockImplementation(() =>
      setTimeout(50).then(() => Promise.reject(new Error('no connection'))),
    )
    expect(await ask()).toBe(WHOLE_WAY)
    const { error, ms = 0 } = refusals.get(last as IncomingMessage) ?? {}
    expect(error).toEqual(new Error('no connection'))
    expect(ms).toBeGreaterThan(45)
  })
})

it('needs a server that has one listener for requests', async () => {
  const gateway = await openUnitGateway()
  const [server, cookies, identityTokens] = [fastify(), createCookies(gateway.config), { share: async () => null }]
  server.server.on('request', () => undefined)
  const add = () => addVerifyShortWay(server, gateway, { cookies, identityTokens, refusals: new WeakMap() })
  expect(add).toThrow('not one listener')
})
