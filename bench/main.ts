import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort } from '../test/support/free-port.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { reserveNetwork } from '../test/support/network.ts'
import { findServices, POSTGRES_URL } from '../test/support/services.ts'
import { BETTER_AUTH_VERSION, installBetterAuth } from './better-auth.ts'
import { measureCacheMemory } from './cache-memory.ts'
import { type Cores, divideCores, stayOn } from './cores.ts'
import { createFilledDatabase, type FilledDatabase, postgresVersion, startGateway } from './gateways.ts'
import { CONNECTIONS } from './load.ts'
import { measuresOf, ratesOf } from './measures.ts'
import { printResults } from './print-results.ts'
import type { Results } from './results.ts'
import { measureAllRates } from './rows.ts'
import { measureSignIns } from './sign-in-cpu.ts'

// What a session costs beside servers that do less, or the same: docs/performance.md says what is measured, and how.
const { values: options } = parseArgs({
  options: {
    /** Fewer rounds and sessions, to try it. */
    quick: { type: 'boolean', default: false },
    /** Writes docs/performance.json, which docs/performance.md shows. */
    keep: { type: 'boolean', default: false },
    /** The folder of another checkout, whose gateway is measured in turn with this one's. */
    beside: { type: 'string' },
  },
})
const FEW_SESSIONS = 10_000
const { sessions, signIns, ...scale } = options.quick
  ? { rounds: 3, seconds: 1, sessions: 50_000, signIns: 10 }
  : { rounds: 5, seconds: 3, sessions: 1_000_000, signIns: 50 }

async function signInCpu(cores: Cores | null): Promise<number> {
  await using stack = new AsyncDisposableStack()
  const network = await reserveNetwork()
  stack.defer(() => network.close())
  await network.start()
  const database = await createFreshDatabase()
  stack.defer(() => database.drop())
  const settings = {
    PORT: String(await freePort()),
    ALLOW_INSECURE_PDS: 'on',
    PLC_DIRECTORY_URL: network.plcUrl,
    HANDLE_RESOLVER_URL: network.pdsUrl,
    // All sign-ins are of one address, at one server. They are counted all the same.
    RATE_LIMITS: 'starts=100000,sessionStarts=100000,pushes=100000',
  }
  const gateway = stack.use(await startGateway({ databaseUrl: database.url, cores, settings }))
  return await measureSignIns(gateway, signIns)
}

async function cacheMemory(cores: Cores | null, { url, clients }: FilledDatabase): Promise<number> {
  await using gateway = await startGateway({ databaseUrl: url, cores, hasGc: true })
  return await measureCacheMemory(gateway, clients)
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

const services = await findServices()
if (!services.postgres || !services.redis) {
  say('The benchmark needs PostgreSQL (TEST_DATABASE_URL) and Redis (TEST_REDIS_URL).')
  process.exit(1)
}
installBetterAuth()
const cores = divideCores()
if (cores === null)
  say('Nothing keeps the servers and the load generator on cores of their own: no taskset, or one core.')
else stayOn(cores.load)

const startedAt = performance.now()
await using databases = new AsyncDisposableStack()
const few = databases.use(await createFilledDatabase(FEW_SESSIONS))
const many = databases.use(await createFilledDatabase(sessions))
say(`${sessions} sessions written after ${Math.round((performance.now() - startedAt) / 1000)} s`)

const beside = options.beside === undefined ? null : pathToFileURL(`${options.beside}/`)
const samples = await measureAllRates({ few, many, cores, scale, beside })
say(`rates measured after ${Math.round((performance.now() - startedAt) / 1000)} s`)
const inWords = (count: number) => count.toLocaleString('en')
const results: Results = {
  day: new Date().toISOString().slice(0, 10),
  machine: { processor: cpus()[0]?.model ?? '', cores: cpus().length, arePinned: cores !== null },
  versions: {
    node: process.versions.node,
    postgresql: await postgresVersion(POSTGRES_URL),
    betterAuth: BETTER_AUTH_VERSION,
  },
  scale: { ...scale, connections: CONNECTIONS, fewSessions: FEW_SESSIONS, manySessions: sessions, signIns },
  measures: measuresOf({
    samples,
    cacheMemory: await cacheMemory(cores, many),
    signInCpu: await signInCpu(cores),
    sessions: { few: inWords(FEW_SESSIONS), many: inWords(sessions) },
  }),
  rates: ratesOf(samples),
}
printResults(results)
const files = ['results.json', ...(options.keep ? ['../docs/performance.json'] : [])]
for (const file of files) await writeFile(new URL(file, import.meta.url), `${JSON.stringify(results, null, 2)}\n`)
say(`took ${Math.round((performance.now() - startedAt) / 1000)} s`)
