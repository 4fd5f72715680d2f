import type { FastifyReply, FastifyRequest } from 'fastify'
import { resolveReturnTo } from '../flows/return-to.ts'
import { issueStartTicket, isValidStartTicket } from '../flows/start-ticket.ts'
import type { Gateway } from '../gateway.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Cookies } from './cookies.ts'
import { sendPage } from './pages/page.ts'
import { startFormPage } from './pages/start-form.ts'
import { startQuestionPage } from './pages/start-question.ts'
import { begin, parametersOf, questionOf, readStart, type Start } from './start-query.ts'

type Navigation = {
  request: FastifyRequest
  reply: FastifyReply
  cookies: Cookies
  /** Whether a page of an allowed origin navigates the browser. */
  isFromHere: boolean
}

/** A start by a browser that waits for a page: it goes on by itself, or asks first, or says what is wrong. */
export async function navigateStart(gateway: Gateway, navigation: Navigation): Promise<FastifyReply> {
  try {
    const start = readStart(navigation.request, navigation.cookies)
    requireCookieBinding(start)
    const goesOn = navigation.isFromHere && start.query.ask === undefined
    if (!goesOn && !(await hasTicket(gateway, start))) return await ask(gateway, start, navigation)
    const { authUrl } = await begin(gateway, start)
    navigation.cookies.of(navigation.reply).setClient(start.clientCookie)
    return navigation.reply.redirect(authUrl, 303)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return sendForm(gateway, error, navigation)
  }
}

/**
 * A link may not begin a challenge-bound flow: it would lead the person through the consent of an attacker's client,
 * which alone knows the verifier.
 */
function requireCookieBinding({ binding }: Start): void {
  if (binding.kind === 'cookie') return
  throw new GatewayError(
    'BAD_USER_INPUT',
    'A flow with an exchange challenge is begun by the client itself, with Accept: application/json.',
  )
}

async function hasTicket(gateway: Gateway, { query, clientCookie }: Start): Promise<boolean> {
  if (query.ticket === undefined) return false
  return isValidStartTicket(gateway, query.ticket, { clientCookie, parameters: parametersOf(query) })
}

/** Sends the question. Nothing has been pushed or stored; only the browser is given its client cookie. */
async function ask(gateway: Gateway, start: Start, { reply, cookies }: Navigation): Promise<FastifyReply> {
  const { query, clientCookie } = start
  const question = await questionOf(gateway, start)
  const parameters = parametersOf(query)
  const ticket = await issueStartTicket(gateway, { clientCookie, parameters })
  cookies.of(reply).setClient(clientCookie)
  const continueUrl = `/auth/start?${new URLSearchParams({ ...parameters, ticket })}`
  const cancelUrl = gateway.config.frontendUrl
  return sendPage(reply, 200, startQuestionPage(question, { continueUrl, cancelUrl, creates: 'pds_url' in parameters }))
}

function sendForm({ config }: Gateway, error: GatewayError, { request, reply }: Navigation): FastifyReply {
  const { handle, return_to: returnTo, prompt } = request.query as Record<string, unknown>
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  const typed = typeof handle === 'string' ? handle : ''
  const form = {
    problem: error.message,
    handle: typed,
    returnTo: usableReturnTo(config, returnTo),
    // The only one that can be asked for; anything else may be the mistake.
    prompt: prompt === 'login' ? prompt : null,
  }
  return sendPage(reply, error.status, startFormPage(form))
}

/** The return address, unless it is itself the mistake. */
function usableReturnTo(config: Gateway['config'], returnTo: unknown): string | null {
  if (typeof returnTo !== 'string') return null
  try {
    resolveReturnTo({ returnTo, config, binding: { kind: 'cookie', hash: '' } })
    return returnTo
  } catch (error) {
    if (error instanceof GatewayError) return null
    throw error
  }
}
