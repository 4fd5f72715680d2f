import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { bindToChallenge, bindToCookie, type ClientBinding, newClientCookie } from '../flows/client-binding.ts'
import { createAccount } from '../flows/kinds/create-account.ts'
import { type LoginRequest, login } from '../flows/kinds/login.ts'
import { type StartedFlow, startFlow } from '../flows/start.ts'
import type { StartSource } from '../flows/start-limit.ts'
import { questionBeforeStart, type StartQuestion } from '../flows/start-question.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import { clientRequest } from './client-request.ts'
import type { Cookies } from './cookies.ts'

const parameter = z.string().optional()
const startQuery = z.object({
  handle: parameter,
  pds_url: parameter,
  prompt: parameter,
  return_to: parameter,
  exchange_challenge: parameter,
  // Added by the gateway's own pages: to continue after the question, and to be asked it.
  ticket: parameter,
  ask: parameter,
})

type StartQuery = z.output<typeof startQuery>

/** What a request to `/auth/start` asks for, and which browser it comes from. */
export type Start = {
  query: StartQuery
  binding: ClientBinding
  clientCookie: string
  sessionCookie: string | null
  source: StartSource
}

/** @throws GatewayError BAD_USER_INPUT */
export function readStart(request: FastifyRequest, cookies: Cookies): Start {
  const query = startQuery.safeParse(request.query)
  if (!query.success) throw new GatewayError('BAD_USER_INPUT', 'Give each parameter once.')
  const { clientCookie: known, sessionCookie, client } = clientRequest(request, cookies)
  const clientCookie = known ?? newClientCookie()
  const { exchange_challenge: challenge } = query.data
  const binding = challenge === undefined ? bindToCookie(clientCookie) : bindToChallenge(challenge)
  // A session that is signed in already does not begin this: its cookie may be anybody's.
  const source = { ip: client.ip, tokenId: null }
  return { query: query.data, binding, clientCookie, sessionCookie, source }
}

/** Starts the kind of flow that the query names. */
export function begin(gateway: Gateway, { query, binding, source }: Start): Promise<StartedFlow> {
  const context = { returnTo: query.return_to ?? null, binding, source }
  const request = requestOf(query)
  return 'account' in request
    ? startFlow(gateway, login, { ...context, request })
    : startFlow(gateway, createAccount, { ...context, request })
}

/** Checks what `begin` checks, and returns what to ask the person before it. */
export function questionOf(gateway: Gateway, { query, binding, source, sessionCookie }: Start): Promise<StartQuestion> {
  const context = { returnTo: query.return_to ?? null, binding, source, sessionCookie }
  const request = requestOf(query)
  return 'account' in request
    ? questionBeforeStart(gateway, login, { ...context, request })
    : questionBeforeStart(gateway, createAccount, { ...context, request })
}

/** Exactly one of `handle` and `pds_url` says which kind of flow it is. */
function requestOf({ handle, pds_url: pdsUrl, prompt }: StartQuery): LoginRequest | { pdsUrl: string } {
  if (prompt !== undefined && (prompt !== 'login' || handle === undefined)) {
    throw new GatewayError('BAD_USER_INPUT', 'The only prompt that can be asked for is login, with handle.')
  }
  if (handle !== undefined && pdsUrl === undefined) return { account: handle, isAskedAgain: prompt === 'login' }
  if (pdsUrl !== undefined && handle === undefined) return { pdsUrl }
  throw new GatewayError(
    'BAD_USER_INPUT',
    'Give either handle, to sign in, or pds_url, to create an account: exactly one of them.',
  )
}

/** What was asked for, without what the gateway's own pages added: a ticket is bound to exactly this. */
export function parametersOf({ ticket: _ticket, ask: _ask, ...parameters }: StartQuery): Record<string, string> {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(given)
}
