import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { createSealer } from '../src/store/sealing/sealer.ts'
import { openDatabase } from '../src/store/sql/database.ts'
import { createFreshDatabase } from '../test/support/fresh-database.ts'
import { findServices, REDIS_URL } from '../test/support/services.ts'
import { writeSignedInSession } from './signed-in-session.ts'

// Compares `currentUser` with a valid cookie to bare graphql-yoga and Pothos returning the same object. Each server has
// a process of its own, and both are measured in turn in one run, so that other load on the machine affects both. The
// ratio is what counts.
const QUERY = 'query { currentUser { did handle pdsUrl grantedScopes session { kind } } }'
const ROUNDS = 5
const SECONDS = 3
const CONNECTIONS = 32

type Server = { name: string; process: ChildProcess; url: string; headers: Record<string, string>; rates: number[] }

async function startServer(
  name: string,
  { file, env, headers }: { file: string; env: Record<string, string>; headers: Record<string, string> },
): Promise<Server> {
  const child = fork(new URL(file, import.meta.url), {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    // The gateway writes its log as in production, but to /dev/null.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { name, process: child, url: `http://127.0.0.1:${port}/graphql`, headers, rates: [] }
}

const request = (server: Server) => ({
  method: 'POST' as const,
  headers: { 'content-type': 'application/json', ...server.headers },
  body: JSON.stringify({ query: QUERY }),
})

async function answer(server: Server): Promise<unknown> {
  const { data } = (await (await fetch(server.url, request(server))).json()) as { data: { currentUser: unknown } }
  return data.currentUser
}

async function measure(server: Server, seconds: number): Promise<number> {
  const result = await autocannon({
    url: server.url,
    connections: CONNECTIONS,
    duration: seconds,
    ...request(server),
  })
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${server.name} did not answer every request`)
  return result['2xx'] / result.duration
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const print = (line: string) => void process.stdout.write(`${line}\n`)

const services = await findServices()
if (!services.postgres || !services.redis) {
  process.stderr.write('The benchmark needs PostgreSQL (TEST_DATABASE_URL) and Redis (TEST_REDIS_URL).\n')
  process.exit(1)
}
const fresh = await createFreshDatabase()
const database = await openDatabase({ kind: 'postgresql', url: fresh.url })
const secret = randomBytes(32)
const sealed = await createSealer([{ id: 'bench', secret }]).seal({}, 'bench')
const sessionToken = await writeSignedInSession(database.prisma, { sealed })
await database.close()

const gateway = await startServer('gateway', {
  file: './gateway-server.ts',
  env: {
    DATABASE_URL: fresh.url,
    REDIS_URL,
    ENCRYPTION_KEYS: `bench:${secret.toString('base64url')}`,
  },
  headers: { cookie: `atgate=${sessionToken}` },
})
const bare = await startServer('bare graphql-yoga + Pothos', {
  file: './bare-server.ts',
  env: { BENCH_ANSWER: JSON.stringify(await answer(gateway)) },
  headers: {},
})
try {
  if (JSON.stringify(await answer(bare)) !== JSON.stringify(await answer(gateway)))
    throw new Error('the answers differ')
  for (const server of [bare, gateway]) await measure(server, 2)
  for (let round = 1; round <= ROUNDS; round++) {
    for (const server of [bare, gateway]) server.rates.push(await measure(server, SECONDS))
  }
  for (const { name, rates } of [bare, gateway]) {
    const spread = `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`
    print(`${name.padEnd(28)} ${String(Math.round(median(rates))).padStart(7)} requests/s  (${spread})`)
  }
  const ratios = bare.rates.map((rate, round) => (gateway.rates[round] ?? Number.NaN) / rate)
  print(`\ncurrentUser with a cookie runs at ${median(ratios).toFixed(2)} of the bare server's rate`)
  print(`(${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s each in turn, PostgreSQL and Redis)`)
} finally {
  for (const server of [bare, gateway]) server.process.kill('SIGTERM')
  await Promise.all([bare, gateway].map((server) => server.process.exitCode ?? once(server.process, 'exit')))
  await fresh.drop()
}
