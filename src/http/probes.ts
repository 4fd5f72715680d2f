import { setTimeout } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Gateway } from '../gateway.ts'
import { SECOND } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Migration } from '../store/sql/migrations.ts'
import { missingMigrations } from '../store/sql/missing-migrations.ts'
import { noStore } from './no-store.ts'

/** Answers as long as the process does: a supervisor restarts one that does not. */
export const LIVENESS_PATH = '/healthz'

/** Answers 200 while new clients can be served: a load balancer sends them here, or elsewhere. */
export const READINESS_PATH = '/readyz'

/** How long the stores may take to answer. Load balancers give up after a few seconds. */
const PATIENCE = 2 * SECOND

/** How long an answer of the stores counts, so that nobody burdens them by asking often. */
const FRESH = 1 * SECOND

/** Why the process is not ready; null when it is. */
type Problem = string | null

type Probed = { stores: Pick<Gateway['stores'], 'db' | 'ephemeral'>; runtime: Pick<Gateway['runtime'], 'leaving'> }

/** Whether a supervisor asks, whom nothing turns away: neither load, nor the name that it uses, nor a shutdown. */
export function isProbe({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>): boolean {
  return routeOptions.url === LIVENESS_PATH || routeOptions.url === READINESS_PATH
}

/** `GET /healthz`: the process is alive. It asks no store: restarting the process would mend none. */
export async function livenessHandler(_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return noStore(reply).send({ status: 'alive' })
}

/**
 * `GET /readyz`: both stores answer, and the database has every migration of this release. It may have more: a newer
 * release that starts beside this one adds its own first. Fails as soon as the process is leaving.
 */
export function readinessHandler({ stores, runtime }: Probed, migrations: readonly Migration[]) {
  const look = shared(() => problemOf(stores, migrations))
  return async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const problem = runtime.leaving.aborted ? 'The gateway is shutting down.' : await look()
    if (problem === null) return noStore(reply).send({ status: 'ready' })
    // Not thrown: the log has what is wrong from those who needed the store.
    return noStore(reply).code(503).send({ error: 'SERVICE_UNAVAILABLE', message: problem })
  }
}

async function problemOf({ db, ephemeral }: Probed['stores'], migrations: readonly Migration[]): Promise<Problem> {
  const [missing, isThere] = await Promise.all([
    answerOf(missingMigrations(db, migrations)),
    answerOf(ephemeral.ping().then(() => true)),
  ])
  if (missing === null) return 'The database does not answer.'
  if (missing.length > 0) return `The database lacks ${missing.join(', ')}, or has it in another form.`
  return isThere === null ? 'The ephemeral store does not answer, or has hardly any space left.' : null
}

/** What a store answers; null if it cannot be reached or does not answer in time. */
async function answerOf<T>(asked: Promise<T>): Promise<T | null> {
  const answer = asked.catch((error: unknown) => {
    if (error instanceof GatewayError) return null
    throw error
  })
  const late = new AbortController()
  try {
    return await Promise.race([answer, setTimeout(PATIENCE, null, { signal: late.signal })])
  } finally {
    late.abort()
  }
}

/** The same look for all who ask while it is under way, and for a second from then. */
function shared<T>(look: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | undefined
  return () => {
    const now = performance.now()
    if (last === undefined || now - last.at >= FRESH) last = { at: now, result: look() }
    return last.result
  }
}
