import { setTimeout as sleep } from 'node:timers/promises'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { GraphqlAnswer, HttpBrowser } from '../support/http-browser.ts'
import type { FaultLog } from './fault-log.ts'
import type { Replica } from './replica.ts'
import type { Verdict } from './verdict.ts'

/** A request to either replica. */
export type Call<T> = {
  what: string
  send(browser: HttpBrowser): Promise<T>
  /** What the answer refuses with, and with which HTTP status; null where it does not. */
  refusalOf(answer: T): Refusal | null
  /** Codes that the caller judges itself. Every other one but an outage is an unclear error. */
  expects?: readonly string[]
}

type Refusal = { code: string; status: number }

/** `unavailable`: a coded outage. `unanswered`: the connection to a killed replica was refused or reset. */
export type Reply<T> =
  | { kind: 'answer'; answer: T; code: string | null }
  | { kind: 'unavailable' | 'unanswered' | 'unclear'; code: null }

/** Sends requests as a load balancer does that knows nothing of faults, and judges how each of them ends. */
export type Caller = {
  replicas: readonly Replica[]
  pick(): Replica
  once<T>(replica: Replica, browser: HttpBrowser, call: Call<T>): Promise<Reply<T>>
  /** Tries again, at whichever replica, until there is an answer. */
  ask<T>(browser: HttpBrowser, call: Call<T>): Promise<{ answer: T; code: string | null; wasTriedBefore: boolean }>
}

/** What is no answer within this is a hang, in milliseconds. */
const HANG = 10_000
const GIVES_UP = 30_000

/** A fault lasts for ten seconds and a replica takes as long to start, so a person who tries for a minute is served. */
const TRIES_FOR = 60_000
/** Its own stores may still be found away a moment after a fault. */
const AFTER_FAULT = 15_000

const RESET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

type Parts = { replicas: readonly Replica[]; verdict: Verdict; faults: FaultLog }

export function createCaller({ replicas, verdict, faults }: Parts): Caller {
  const pick = () => anyOf(replicas)

  async function once<T>(replica: Replica, browser: HttpBrowser, call: Call<T>): Promise<Reply<T>> {
    const from = performance.now()
    const sent = await settle(call.send(browser.at(replica.url)))
    const to = performance.now()
    const context = {
      what: call.what,
      replica: replica.name,
      ms: Math.round(to - from),
      during: faults.names(from, to),
    }
    verdict.longest('longest wait for an answer, ms', to - from)
    if (to - from > HANG) verdict.violation('hangs over 10 s', context)
    if (sent.outcome === 'nothing') return { kind: 'unclear', code: null }
    if (sent.outcome === 'failed') return unanswered(replica, { from, to }, { ...context, error: sent.error })
    const refusal = call.refusalOf(sent.value)
    if (refusal === null) return { kind: 'answer', answer: sent.value, code: null }
    const { code, status } = refusal
    if (isOutage(refusal)) {
      verdict.count('answers: SERVICE_UNAVAILABLE or temporarily_unavailable')
      if (!faults.touches(from - AFTER_FAULT, to)) {
        verdict.count('of those, while nothing was at fault')
        verdict.note('unavailable without a fault', context)
      }
      return { kind: 'unavailable', code: null }
    }
    if (call.expects?.includes(code)) return { kind: 'answer', answer: sent.value, code }
    verdict.violation('unclear errors', { ...context, code, status, answer: sent.value })
    return { kind: 'unclear', code: null }
  }

  function unanswered(replica: Replica, { from, to }: Span, context: { error: unknown }): Reply<never> {
    const code = networkCodeOf(context.error)
    if (RESET.has(code) && replica.wasAway(from, to)) {
      verdict.count('connections to a killed replica refused or reset')
      return { kind: 'unanswered', code: null }
    }
    verdict.violation('unclear errors', { ...context, networkCode: code })
    return { kind: 'unclear', code: null }
  }

  return {
    replicas,
    pick,
    once,
    async ask(browser, call) {
      const deadline = performance.now() + TRIES_FOR
      for (let tries = 1; performance.now() < deadline; tries++) {
        const reply = await once(pick(), browser, call)
        if (reply.kind === 'answer') return { ...reply, wasTriedBefore: tries > 1 }
        await sleep(200 + Math.random() * 600)
      }
      verdict.violation('unclear errors', { what: call.what, error: 'not served for a minute' })
      throw new Error(`${call.what}: not served for a minute`)
    },
  }
}

type Span = { from: number; to: number }

type Settled<T> = { outcome: 'answered'; value: T } | { outcome: 'failed'; error: unknown } | { outcome: 'nothing' }

async function settle<T>(request: Promise<T>): Promise<Settled<T>> {
  const timer = new AbortController()
  const nothing = sleep(GIVES_UP, { outcome: 'nothing' } as const, { signal: timer.signal })
  nothing.catch(() => undefined)
  const outcome = request.then(
    (value) => ({ outcome: 'answered', value }) as const,
    (error: unknown) => ({ outcome: 'failed', error }) as const,
  )
  try {
    return await Promise.race([outcome, nothing])
  } finally {
    timer.abort()
  }
}

function isOutage({ code, status }: Refusal): boolean {
  return (code === 'SERVICE_UNAVAILABLE' && status === 503) || code === 'temporarily_unavailable'
}

/** The code of a failed `fetch`, which is the one of its cause. */
function networkCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { code } = (error.cause ?? error) as { code?: unknown }
  return String(code ?? '')
}

export function anyOf<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new RangeError('none to choose from')
  return item
}

/** A GraphQL operation as a call. */
export function operation<Result, Variables>(
  what: string,
  document: TypedDocumentNode<Result, Variables>,
  options: { variables?: Variables; headers?: Record<string, string>; expects?: readonly string[] } = {},
): Call<GraphqlAnswer<Result>> {
  return {
    what,
    send: (browser) => browser.graphql(document, options.variables, options.headers),
    refusalOf: ({ errors: [error], response }) =>
      error === undefined ? null : { code: String(error.extensions?.code ?? error.message), status: response.status },
    ...(options.expects === undefined ? {} : { expects: options.expects }),
  }
}
