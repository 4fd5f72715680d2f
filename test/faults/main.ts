import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAccounts } from './accounts.ts'
import { startAgeing } from './ageing.ts'
import { createCaller } from './caller.ts'
import { type Crowd, createCrowd } from './crowd.ts'
import { watchExemptGrants } from './exempt-grants.ts'
import { createFaultLog } from './fault-log.ts'
import { checkEverything } from './final-check.ts'
import { startGateways } from './gateways.ts'
import { startArrivals, startLoad } from './load.ts'
import { startNetwork } from './network.ts'
import { type Plan, planOf } from './plan.ts'
import { openRows } from './rows.ts'
import { runFaults } from './schedule.ts'
import { startPostgres } from './services/postgres.ts'
import { startRedis } from './services/redis.ts'
import { tableOf } from './table.ts'
import { createVerdict, type Verdict } from './verdict.ts'
import type { World } from './world.ts'

// People sign in and send requests at two replicas, over a real PDS and stores that only this run uses, while
// one thing after another is restarted, frozen and killed. docs/reliability.md says what is promised of it.

/** In milliseconds: how long a run may go on after the last fault until it has done enough. */
const LONGEST_EXTRA = 10 * 60_000

const plan = planOf(process.argv.slice(2))
const startedAt = performance.now()
const folder = await mkdtemp(join(tmpdir(), 'atgate-faults-'))
const log = join(folder, 'faults.log')
const verdict = createVerdict(log)
/** What is to be ended, in the order in which it was started. */
const parts: (() => Promise<unknown>)[] = []

process.once('SIGINT', () => void end().finally(() => process.exit(130)))
process.once('SIGTERM', () => void end().finally(() => process.exit(143)))
try {
  await run(plan, verdict)
} finally {
  await end()
}
const table = tableOf(plan, verdict, (performance.now() - startedAt) / 1000)
verdict.note(table)
print(`\n${table}\n`)
if (verdict.hasFailed()) {
  print(verdict.firstViolations().join('\n'))
  print(`\nNot as promised. What happened: ${log}, and the log of each replica beside it.`)
  process.exit(1)
}
await rm(folder, { recursive: true, force: true })
process.exit(0)

async function run(plan: Plan, verdict: Verdict): Promise<void> {
  print(`Starting PostgreSQL, Redis, a PDS and two replicas (logs in ${folder})`)
  const network = await startNetwork()
  parts.push(() => network.close())
  const postgres = await startPostgres(join(folder, 'postgres'))
  parts.push(() => postgres.stop())
  const redis = await startRedis(folder)
  parts.push(() => redis.stop())
  const gateways = await startGateways({ folder, databaseUrl: postgres.url, redisUrl: redis.url, network, verdict })
  parts.push(() => Promise.all(gateways.replicas.map((replica) => replica.stop())))
  const rows = openRows(postgres.url)
  parts.push(() => rows.close())
  const accounts = await findAccounts(network.pdsUrl, plan.moreAccounts)
  const faults = createFaultLog()
  const caller = createCaller({ replicas: gateways.replicas, verdict, faults })
  const world: World = { publicUrl: gateways.publicUrl, accounts, caller, faults, rows, verdict }
  const crowd = createCrowd(world)

  print(`Signing ${plan.signInsBefore} people in`)
  for (let count = 0; count < plan.signInsBefore; count++) await crowd.join()
  print('Breaking one thing after the other')
  const exempt = watchExemptGrants(rows, redis.url)
  const ageing = startAgeing(rows, plan.ageing)
  const arrivals = startArrivals(world, crowd, plan.arrivalMs)
  const load = startLoad(world, crowd, plan)
  await runFaults({ world, crowd, network, postgres, redis, exempt, print }, plan)
  await enough(plan, crowd)
  await Promise.all([arrivals.stop(), load.stop()])
  await ageing.stop()
  print('Asking everybody who they are, and refreshing every grant')
  await checkEverything(world, crowd, { exempt, plan })
}

/** Goes on until there were as many sign-ins and requests as planned. */
async function enough({ signIns, requests }: Plan, crowd: Crowd): Promise<void> {
  const deadline = performance.now() + LONGEST_EXTRA
  const isEnough = () =>
    verdict.countOf('sign-ins') >= signIns && verdict.countOf('authenticated requests answered') >= requests
  while (!isEnough()) {
    if (performance.now() > deadline) throw new Error(`too slow: ${crowd.people.length} people are signed in`)
    await sleep(500)
  }
}

async function end(): Promise<void> {
  for (const stop of parts.splice(0).toReversed()) {
    await stop().catch((error: unknown) => verdict.note('not stopped', { error }))
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
