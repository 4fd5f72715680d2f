import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ExchangeTokenDocument, type ExchangeTokenMutation } from '../../web/generated/graphql.ts'
import type { HttpBrowser } from '../support/http-browser.ts'
import { type Account, allow } from './accounts.ts'
import { type Call, operation, type Reply } from './caller.ts'
import type { World } from './world.ts'

export type Exchanged = ExchangeTokenMutation['exchangeToken']

type Wish = {
  /** By which name the table counts it. */
  kind: 'sign-ins' | 'accounts added' | 'developer tokens created'
  browser: HttpBrowser
  account: Account
  /** Starts the flow. Gives the page of the PDS. */
  begin(): Promise<string>
}

/** A flow under way. The User-Agent, which the gateway stores with the session, is only of this one. */
type Flow = { browser: HttpBrowser; userAgent: string; startedAt: number }

/** People look at what they are told before they begin again, in milliseconds, and give up in the end. */
const BEFORE_NEXT = 1000
const MOST_ATTEMPTS = 20
/** In milliseconds; a second less than the gateway gives it. */
const TOKEN_LIFE = 59_000

/** Completes a flow, and begins again as often as faults end it: as people do. */
export async function completeFlow(world: World, { kind, browser, account, begin }: Wish): Promise<Exchanged> {
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const flow = { browser, userAgent: `faults/${randomUUID()}`, startedAt: performance.now() }
    const callbackUrl = await allow(await begin(), account)
    const token = await callBack(world, flow, callbackUrl)
    const exchanged = token === null ? null : await exchange(world, flow, token)
    if (exchanged !== null) {
      world.verdict.count(kind)
      return exchanged
    }
    world.verdict.count('flows begun again')
    await sleep(BEFORE_NEXT)
  }
  throw new Error(`a flow of ${account.handle} did not succeed in ${MOST_ATTEMPTS} attempts`)
}

/** Follows the callback, sometimes at both replicas at once. Gives the exchange token; null where a fault ended it. */
async function callBack(world: World, flow: Flow, callbackUrl: string): Promise<string | null> {
  const { verdict, faults } = world
  const call = callbackCall(callbackUrl, flow.userAgent)
  const isDoubled = Math.random() < 1 / 3
  let wasSentBefore = isDoubled
  for (;;) {
    const replies = await send(world, flow, { call, isDoubled })
    const tokens = replies.flatMap((reply) => (reply.kind === 'answer' && reply.code === null ? [reply.answer] : []))
    if (tokens.length > 1) verdict.violation('used twice', { what: 'the callback', ...flow, browser: undefined })
    const [destination] = tokens
    if (destination !== undefined) return destination.searchParams.get('exchange_token')
    const isOver = replies.some(({ code }) => code === 'expired')
    if (isOver && !wasSentBefore && !faults.hasLostEntriesSince(flow.startedAt)) {
      verdict.violation('unclear errors', { what: 'the callback', code: 'expired', userAgent: flow.userAgent })
    }
    // The frontend has been told, by now: its user begins again.
    if (replies.some(({ kind }) => kind !== 'unanswered')) return null
    // The browser shows that the server is not there, and its user reloads the page.
    wasSentBefore = true
    await sleep(500)
  }
}

function callbackCall(callbackUrl: string, userAgent: string): Call<URL> {
  const { pathname, search } = new URL(callbackUrl)
  return {
    what: 'callback',
    async send(browser) {
      const response = await browser.send(pathname + search, { headers: { 'user-agent': userAgent } })
      const location = response.headers.get('location')
      const text = await response.text()
      return new URL(location ?? `about:?auth_error=${response.status} ${encodeURIComponent(text)}`)
    },
    refusalOf({ searchParams }) {
      const code = searchParams.get('auth_error')
      return code === null ? null : { code, status: 303 }
    },
    expects: ['expired'],
  }
}

/** Trades the token, sometimes at both replicas at once. Gives null where a fault came between. */
async function exchange(world: World, flow: Flow, exchangeToken: string): Promise<Exchanged | null> {
  const { verdict } = world
  const call = operation('exchangeToken', ExchangeTokenDocument, {
    variables: { input: { exchangeToken } },
    expects: ['EXCHANGE_TOKEN_INVALID'],
  })
  const issuedAt = performance.now()
  const isDoubled = Math.random() < 1 / 2
  for (;;) {
    const replies = await send(world, flow, { call, isDoubled })
    const successes = replies.flatMap((reply) => (reply.kind === 'answer' ? (reply.answer.data ?? []) : []))
    if (successes.length > 1) verdict.violation('used twice', { what: 'an exchange token', userAgent: flow.userAgent })
    const [success] = successes
    if (success !== undefined) {
      await tryAgain(world, flow, call)
      return success.exchangeToken
    }
    if (replies.some(({ code }) => code === 'EXCHANGE_TOKEN_INVALID')) {
      await judgeRefusal(world, flow, issuedAt)
      return null
    }
    await sleep(200 + Math.random() * 600)
  }
}

/** What was exchanged once is refused: for the first time at the one replica, later at the other. */
async function tryAgain<T>({ caller, verdict }: World, { browser, userAgent }: Flow, call: Call<T>): Promise<void> {
  const reply = await caller.once(caller.pick(), browser.copy(), call)
  if (reply.kind !== 'answer') return
  if (reply.code === null) verdict.violation('used twice', { what: 'an exchange token, later', userAgent })
  else verdict.count('exchange tokens refused the second time')
}

/** A token is refused where Redis has lost it, or where the exchange has happened and its answer was lost. */
async function judgeRefusal({ faults, rows, verdict }: World, flow: Flow, issuedAt: number): Promise<void> {
  if (faults.hasLostEntriesSince(flow.startedAt) || performance.now() - issuedAt > TOKEN_LIFE) return
  const happened = await rows.query('SELECT 1 FROM "Session" WHERE "userAgent" = $1 AND "exchangedAt" IS NOT NULL', [
    flow.userAgent,
  ])
  if (happened.length > 0) {
    verdict.count('exchanges that happened though their answer was lost')
    return
  }
  const detail = { what: 'exchangeToken', code: 'EXCHANGE_TOKEN_INVALID', userAgent: flow.userAgent }
  verdict.violation('unclear errors', detail)
}

async function send<T>(
  { caller }: World,
  { browser }: Flow,
  { call, isDoubled }: { call: Call<T>; isDoubled: boolean },
): Promise<Reply<T>[]> {
  const replicas = isDoubled ? caller.replicas : [caller.pick()]
  return Promise.all(replicas.map((replica) => caller.once(replica, browser, call)))
}
