import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { parse as parseQuery } from 'fast-querystring'
import type { FastifyInstance } from 'fastify'
import type { Gateway } from '../gateway.ts'
import type { IdentityTokens } from '../services/identity-token.ts'
import { type Demand, verify } from '../services/verify.ts'
import { hasBody } from './body-time.ts'
import { createClientAddress } from './client-address.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'
import { hasSecondHost } from './host.ts'
import { NO_STORE } from './no-store.ts'
import { requestId, requestLine, tenths } from './request-log.ts'
import { headersOfAnswers } from './security-headers.ts'
import { identityHeaders, type Refusals, readDemand, VERIFY_PATH } from './verify.ts'

type Options = { cookies: Cookies; identityTokens: Pick<IdentityTokens, 'share'>; refusals: Refusals }

/**
 * Answers `GET /auth/verify` before Fastify, which takes longer for a request than all else that is done for it. Only who
 * is let through is told so here. Whatever may be refused goes on to Fastify, and so does what was refused, with the
 * reason (docs/decisions/0014-a-short-way-for-verify.md).
 */
export function addVerifyShortWay(server: FastifyInstance, gateway: Gateway, options: Options): void {
  const { config, runtime } = gateway
  const { cookies, identityTokens, refusals } = options
  const addressOf = createClientAddress(config)
  const log = requestLine(runtime.logger)
  const always = { ...headersOfAnswers(config).data, ...NO_STORE, 'content-length': '0' }
  const goOn = takeOver(server.server)

  async function answer(raw: IncomingMessage, response: ServerResponse, demand: Demand): Promise<void> {
    const startedAt = performance.now()
    const id = requestId(raw)
    const ip = addressOf(raw)
    const { headers } = raw
    try {
      const request = { id, headers, ip, cookies: server.parseCookie(headers.cookie ?? '') }
      const verified = await verify(gateway, identityTokens, {
        clientRequest: clientRequest(request, cookies),
        ...demand,
      })
      const sent = identityHeaders(verified, always)
      sent['x-request-id'] = id
      response.writeHead(200, sent).end()
    } catch (error) {
      refusals.set(raw, { id, error, ms: performance.now() - startedAt })
      return goOn(raw, response)
    }
    const ms = tenths(performance.now() - startedAt)
    log('info', { reqId: id, method: 'GET', route: VERIFY_PATH, status: 200, ms, ip })
  }

  server.server.on('request', (request, response) => {
    const demand = demandOf(request)
    // While it is overloaded or ends, Fastify's hooks decide what is still answered.
    const isRefusing = runtime.closing.aborted || server.isUnderPressure?.()
    if (demand === null || isRefusing) goOn(request, response)
    else void answer(request, response, demand)
  })
}

/** Takes the one listener of a server's requests away, and gives it. */
function takeOver(server: Server): RequestListener {
  const [listener, ...others] = server.listeners('request') as RequestListener[]
  if (listener === undefined || others.length > 0) throw new Error('The server has not one listener for requests.')
  server.removeListener('request', listener)
  return listener.bind(server)
}

const NO_DEMAND = readDemand({})

/** What a request asks for; null when it is none of those that go the short way. */
function demandOf({ method, url = '', headers, rawHeaders }: IncomingMessage): Demand | null {
  if (method !== 'GET' || !isVerify(url)) return null
  // CORS, bodies and ambiguous hosts are the business of Fastify's hooks. Without an origin CORS has nothing to say.
  if (headers.origin !== undefined || hasBody(headers) || hasSecondHost(rawHeaders)) return null
  if (url.length === VERIFY_PATH.length) return NO_DEMAND
  try {
    return readDemand(parseQuery(url.slice(VERIFY_PATH.length + 1)))
  } catch {
    return null
  }
}

/** By the letter: how else the path can be written, Fastify's router knows. */
function isVerify(url: string): boolean {
  return url.startsWith(VERIFY_PATH) && (url.length === VERIFY_PATH.length || url[VERIFY_PATH.length] === '?')
}
